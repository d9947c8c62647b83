"""The machine code of a team of threads, in LLVM's language.

A helper has a slot of memory: a state, two locks of Python's (which need no interpreter), what its part recorded, and
where the next helper's slot is.
States: 0 nothing to do, 1 posted, 2 running, 3 running and waited for, 4 nothing to do and asleep, 5 to end.
A record: its size, the function that runs it, how many objects it holds, the objects, and the arguments as that
function reads them (``kernels/entry.py`` writes it).

The order of memory is kept by the state alone: what is written before it is set is seen by whoever has read it.
"""

from __future__ import annotations

import os
import platform

WAKE, DONE, BEGIN, END, LIMIT, NEXT, FAILED = 64, 72, 80, 88, 96, 104, 112
"""Where a slot has the locks of the helper and of who waits, the records' bounds, the next slot, and whether a kernel
failed; the state is at 0."""

SLOT = 128

_SPINS = 0 if os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE" else 40_000
"""Looks at a state before a thread sleeps, which take 2 ms or so: the pauses between a training step's kernels are
shorter. As with OpenMP, which other libraries use, the environment can ask for none."""

FUNCTIONS = ("serve", "record", "post", "finish", "end")

_CODE = """
declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyThreadState_Get()
declare ptr @PyLong_AsVoidPtr(ptr)
declare ptr @PyLong_FromLong(i64)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
{declarations}
@nnlite.recording = external global [2 x ptr]
@_Py_NoneStruct = external global i8

; Between looks; now and then another program may have the processor, which this thread may be waiting for.
define internal void @relax(i32 %count) {{
entry:
  {pause}
  %low = and i32 %count, 255
  %now = icmp eq i32 %low, 0
  br i1 %now, label %offer, label %out
offer:
  {offer}
  br label %out
out:
  ret void
}}

; Run what is recorded.
define internal void @run(ptr %slot) {{
entry:
  %begin.at = getelementptr i8, ptr %slot, i64 {BEGIN}
  %end.at = getelementptr i8, ptr %slot, i64 {END}
  %begin = load ptr, ptr %begin.at
  %end = load ptr, ptr %end.at
  %none = icmp eq ptr %begin, %end
  br i1 %none, label %done, label %next
next:
  %record = phi ptr [%begin, %entry], [%following, %next]
  %failed = phi i32 [0, %entry], [%either, %next]
  %size = load i64, ptr %record
  %call.at = getelementptr i8, ptr %record, i64 8
  %call = load ptr, ptr %call.at
  %status = call i32 %call(ptr %record)
  %either = or i32 %failed, %status
  %following = getelementptr i8, ptr %record, i64 %size
  %over = icmp uge ptr %following, %end
  br i1 %over, label %note, label %next
note:
  %failed.at = getelementptr i8, ptr %slot, i64 {FAILED}
  store i32 %either, ptr %failed.at
  br label %done
done:
  ret void
}}

; What a helper does all its life.
define void @serve(ptr %slot) {{
entry:
  %lock.at = getelementptr i8, ptr %slot, i64 {WAKE}
  %lock = load ptr, ptr %lock.at
  %done.at = getelementptr i8, ptr %slot, i64 {DONE}
  %done = load ptr, ptr %done.at
  br label %look
look:
  %left = phi i32 [{SPINS}, %entry], [{SPINS}, %work], [{SPINS}, %tell], [{SPINS}, %wake], [{SPINS}, %sleep],
                  [%less, %idle]
  %seen = load atomic i64, ptr %slot acquire, align 8
  switch i64 %seen, label %idle [i64 1, label %take
                                 i64 5, label %out]
idle:
  %less = sub i32 %left, 1
  call void @relax(i32 %less)
  %tired = icmp sle i32 %less, 0
  br i1 %tired, label %sleep, label %look
sleep:
  %slept = cmpxchg ptr %slot, i64 0, i64 4 acq_rel acquire
  %may = extractvalue {{i64, i1}} %slept, 1
  br i1 %may, label %wake, label %look
wake:
  call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %look
take:
  %taken = cmpxchg ptr %slot, i64 1, i64 2 acq_rel acquire
  %mine = extractvalue {{i64, i1}} %taken, 1
  br i1 %mine, label %work, label %idle
work:
  call void @run(ptr %slot)
  %state = atomicrmw xchg ptr %slot, i64 0 acq_rel
  %awaited = icmp eq i64 %state, 3
  br i1 %awaited, label %tell, label %look
tell:
  call void @PyThread_release_lock(ptr %done)
  br label %look
out:
  call void @PyThread_release_lock(ptr %done)
  ret void
}}

; From here to `post` the calls of kernels in this thread are written down.
define ptr @record(ptr %self, ptr %unused) {{
  %slot = call ptr @PyLong_AsVoidPtr(ptr %self)
  %thread = call ptr @PyThreadState_Get()
  %second = getelementptr i8, ptr @nnlite.recording, i64 8
  store ptr %slot, ptr %second
  store ptr %thread, ptr @nnlite.recording
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
}}

define internal ptr @put(ptr %self, i64 %new) {{
  %slot = call ptr @PyLong_AsVoidPtr(ptr %self)
  %old = atomicrmw xchg ptr %slot, i64 %new acq_rel
  %asleep = icmp eq i64 %old, 4
  br i1 %asleep, label %wake, label %out
wake:
  %lock.at = getelementptr i8, ptr %slot, i64 {WAKE}
  %lock = load ptr, ptr %lock.at
  call void @PyThread_release_lock(ptr %lock)
  br label %out
out:
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
}}

define ptr @post(ptr %self, ptr %unused) {{
  store ptr null, ptr @nnlite.recording
  %none = call ptr @put(ptr %self, i64 1)
  ret ptr %none
}}

define ptr @end(ptr %self, ptr %unused) {{
  %none = call ptr @put(ptr %self, i64 5)
  ret ptr %none
}}

; Run what was posted, if nobody has begun; else wait for it. What was not posted is forgotten. The result is not 0 if a
; kernel failed.
define internal i32 @finish_one(ptr %slot) {{
entry:
  %failed.at = getelementptr i8, ptr %slot, i64 {FAILED}
  %first = load atomic i64, ptr %slot acquire, align 8
  switch i64 %first, label %wait [i64 0, label %forget
                                  i64 4, label %forget]
wait:
  %thread = call ptr @PyEval_SaveThread()
  %claimed = cmpxchg ptr %slot, i64 1, i64 0 acq_rel acquire
  %mine = extractvalue {{i64, i1}} %claimed, 1
  br i1 %mine, label %run, label %look
run:
  call void @run(ptr %slot)
  br label %back
look:
  %left = phi i32 [{SPINS}, %wait], [%less, %again]
  %seen = load atomic i64, ptr %slot acquire, align 8
  %running = icmp eq i64 %seen, 2
  br i1 %running, label %again, label %back
again:
  %less = sub i32 %left, 1
  call void @relax(i32 %less)
  %tired = icmp sle i32 %less, 0
  br i1 %tired, label %sleep, label %look
sleep:
  %slept = cmpxchg ptr %slot, i64 2, i64 3 acq_rel acquire
  %may = extractvalue {{i64, i1}} %slept, 1
  br i1 %may, label %until, label %back
until:
  %done.at = getelementptr i8, ptr %slot, i64 {DONE}
  %done = load ptr, ptr %done.at
  call i32 @PyThread_acquire_lock(ptr %done, i32 1)
  br label %back
back:
  call void @PyEval_RestoreThread(ptr %thread)
  br label %forget
forget:
  %begin.at = getelementptr i8, ptr %slot, i64 {BEGIN}
  %end.at = getelementptr i8, ptr %slot, i64 {END}
  %begin = load ptr, ptr %begin.at
  %end = load ptr, ptr %end.at
  store ptr %begin, ptr %end.at
  br label %next
next:
  %record = phi ptr [%begin, %forget], [%following, %each]
  %over = icmp uge ptr %record, %end
  br i1 %over, label %out, label %drop
drop:
  %size = load i64, ptr %record
  %following = getelementptr i8, ptr %record, i64 %size
  %number.at = getelementptr i8, ptr %record, i64 16
  %number = load i64, ptr %number.at
  %objects = getelementptr i8, ptr %record, i64 24
  br label %each
each:
  %i = phi i64 [0, %drop], [%more, %release]
  %last = icmp uge i64 %i, %number
  br i1 %last, label %next, label %release
release:
  %place = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %place
  call void @Py_DecRef(ptr %object)
  %more = add i64 %i, 1
  br label %each
out:
  %failed = load i32, ptr %failed.at
  store i32 0, ptr %failed.at
  ret i32 %failed
}}

; The same for a slot and all that follow: in one call, which no signal's handler comes into.
define ptr @finish(ptr %self, ptr %unused) {{
entry:
  store ptr null, ptr @nnlite.recording
  %first = call ptr @PyLong_AsVoidPtr(ptr %self)
  br label %each
each:
  %slot = phi ptr [%first, %entry], [%next, %each]
  %failed = phi i32 [0, %entry], [%either, %each]
  %one = call i32 @finish_one(ptr %slot)
  %either = or i32 %failed, %one
  %next.at = getelementptr i8, ptr %slot, i64 {NEXT}
  %next = load ptr, ptr %next.at
  %last = icmp eq ptr %next, null
  br i1 %last, label %out, label %each
out:
  %wide = sext i32 %either to i64
  %answer = call ptr @PyLong_FromLong(i64 %wide)
  ret ptr %answer
}}
"""


def code() -> str:
    """The code for this processor."""
    x86, posix = platform.machine().lower() in ("x86_64", "amd64"), os.name == "posix"
    declarations = ["declare void @llvm.x86.sse2.pause()"] * x86 + ["declare i32 @sched_yield()"] * posix
    return _CODE.format(
        WAKE=WAKE, DONE=DONE, BEGIN=BEGIN, END=END, NEXT=NEXT, FAILED=FAILED, SPINS=_SPINS,
        declarations="\n".join(declarations),
        pause="call void @llvm.x86.sse2.pause()" if x86 else "",
        offer="call i32 @sched_yield()" if posix else "",
    )  # fmt: skip
