// What stands for the driver's libcuda where there is none: it has no device, refuses all work, yet takes compiled
// kernels. So cuDNN compiles a plan, hands it over, and the plan counts as built.
//
//     g++ -shared -fPIC -Wl,-soname,libcuda.so.1 no_device_driver.cpp -o libcuda.so.1

#define NO_DEVICE(name) int name(...) { return 100; }
#define DONE(name) int name(...) { return 0; }
#define TAKEN(name) int name(void** handle, ...) { static int kernel; *handle = &kernel; return 0; }

extern "C" {
NO_DEVICE(cuInit) NO_DEVICE(cuDriverGetVersion) NO_DEVICE(cuDeviceGetCount) NO_DEVICE(cuDeviceGet)
NO_DEVICE(cuGetExportTable) NO_DEVICE(cuGetProcAddress) NO_DEVICE(cuGetProcAddress_v2)
NO_DEVICE(cuGetErrorName) NO_DEVICE(cuGetErrorString)
NO_DEVICE(cuCtxPushCurrent) NO_DEVICE(cuCtxPopCurrent) NO_DEVICE(cuCtxGetCurrent)
NO_DEVICE(cuCtxGetLimit) NO_DEVICE(cuCtxSetLimit) NO_DEVICE(cuStreamGetCtx)
NO_DEVICE(cuLaunchKernel) NO_DEVICE(cuLaunchKernelEx) NO_DEVICE(cuLaunchCooperativeKernel)
NO_DEVICE(cuOccupancyMaxPotentialClusterSize)
NO_DEVICE(cuLinkCreate) NO_DEVICE(cuLinkAddData) NO_DEVICE(cuLinkComplete) NO_DEVICE(cuLinkDestroy)
TAKEN(cuLibraryLoadData) TAKEN(cuLibraryLoadFromFile) TAKEN(cuLibraryGetKernel) TAKEN(cuLibraryGetModule)
TAKEN(cuKernelGetFunction) TAKEN(cuModuleLoadData) TAKEN(cuModuleLoadDataEx) TAKEN(cuModuleGetFunction)
DONE(cuLibraryUnload) DONE(cuModuleUnload)
DONE(cuKernelGetAttribute) DONE(cuKernelSetAttribute) DONE(cuFuncSetAttribute)
}
