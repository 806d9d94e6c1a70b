"""What checks of accesses call, as IR: does an access lie in a range, was it permitted; and a note of one that was not.

`checked.permitted` is laid out as compiler/checked.py writes it, `checked.fault` as it reads it.
"""

from __future__ import annotations

STOPPED = -4095  # what an entry returns that has been stopped

SUPPORT = f"""
@"checked.permitted" = external global i8
@"checked.fault" = external global i8
@"checked.blocks" = external global i8
define internal i1 @"checked.within"(i64 %at, i64 %size, i64 %low, i64 %total) noinline {{
  %off = sub i64 %at, %low
  %end = add i64 %off, %size
  %begins = icmp ule i64 %off, %total
  %fits = icmp ule i64 %end, %total
  %both = and i1 %begins, %fits
  %nothing = icmp eq i64 %size, 0
  %ok = or i1 %both, %nothing
  ret i1 %ok
}}
define internal i1 @"checked.may"(i64 %at, i64 %size) noinline {{
  %count = load i64, ptr @"checked.permitted"
  br label %next
next:
  %number = phi i64 [ 0, %0 ], [ %after, %other ]
  %over = icmp uge i64 %number, %count
  br i1 %over, label %frames, label %look
look:
  %skipped = add i64 %number, 2
  %range = getelementptr [2 x i64], ptr @"checked.permitted", i64 %skipped
  %low = load i64, ptr %range
  %second = getelementptr i8, ptr %range, i64 8
  %total = load i64, ptr %second
  %ok = call i1 @"checked.within"(i64 %at, i64 %size, i64 %low, i64 %total)
  %after = add i64 %number, 1
  br i1 %ok, label %yes, label %other
other:
  br label %next
frames:
  %frame_count = load i64, ptr getelementptr (i8, ptr @"checked.permitted", i64 8)
  %records = load ptr, ptr getelementptr (i8, ptr @"checked.permitted", i64 16)
  %stride = load i64, ptr getelementptr (i8, ptr @"checked.permitted", i64 24)
  br label %next_frame
next_frame:
  %left = phi i64 [ %frame_count, %frames ], [ %fewer, %other_frame ]
  %none = icmp eq i64 %left, 0
  br i1 %none, label %no, label %look_frame
look_frame:
  %fewer = sub i64 %left, 1
  %place = mul i64 %fewer, %stride
  %record = getelementptr i8, ptr %records, i64 %place
  %head = load i64, ptr %record
  %tail_place = getelementptr i8, ptr %record, i64 8
  %tail = load i64, ptr %tail_place
  %length = sub i64 %tail, %head
  %in = call i1 @"checked.within"(i64 %at, i64 %size, i64 %head, i64 %length)
  br i1 %in, label %yes, label %other_frame
other_frame:
  br label %next_frame
yes:
  ret i1 true
no:
  ret i1 false
}}
define internal i32 @"checked.note"(i64 %at, i64 %size, i64 %kind, i64 %line, ptr %file) noinline {{
  store i64 %at, ptr @"checked.fault"
  store i64 %size, ptr getelementptr (i8, ptr @"checked.fault", i64 8)
  store i64 %kind, ptr getelementptr (i8, ptr @"checked.fault", i64 16)
  store i64 %line, ptr getelementptr (i8, ptr @"checked.fault", i64 24)
  store ptr %file, ptr getelementptr (i8, ptr @"checked.fault", i64 32)
  ret i32 {STOPPED}
}}
"""
