; Words of ours (emu.core.template) and what they stand for.

;; field: load
  {name}.at = add i64 {base}, {offset}
  {name}.p = inttoptr i64 {name}.at to {type}*
  {name} = load {type}, {type}* {name}.p

;; place: address
  {name}.at = add i64 {base}, {offset}
  {name} = inttoptr i64 {name}.at to {type}*

;; caller: return address
  {name}.p = call i8* @llvm.returnaddress(i32 0)
  {name} = ptrtoint i8* {name}.p to i64

;; leave: end the block
  %leave.cs = sub i64 %env, {cs_env}
  %leave.place.at = add i64 %leave.cs, {exception_index}
  %leave.place = inttoptr i64 %leave.place.at to i32*
  store i32 {event}, i32* %leave.place
  %leave.f = inttoptr i64 {loop_exit_restore} to void (i64, i64)*
  call void %leave.f(i64 %leave.cs, i64 %ra)
