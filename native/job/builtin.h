// The native functions that are there from the beginning: files, names of hosts, checksums,
// compression. What a request and an answer look like stands in lib/backend/builtin-jobs.ts.
//
// Each is bounded: by a limit of its output (-EFBIG), by pieces between which it may be stopped
// (-ECANCELED), and by not waiting for anybody else, except for the system's resolver of names.
// Without memory they fail with -ENOMEM, with a request that makes no sense with -EINVAL.
#pragma once

#include <string_view>

#include "job/function.h"

namespace heddle::job {

// nullptr: there is none of the name. Any thread.
[[nodiscard]] NativeFunction builtinFunction(std::string_view name);

// As much is done at a time.
constexpr size_t kPieceBytes = size_t{1} << 20;
// The largest answer that a request may allow.
constexpr int64_t kMaxAnswerBytes = int64_t{1} << 30;

// Of the table: one file for each group.
void readFile(NativeCall& call);
void writeFile(NativeCall& call);
void statFile(NativeCall& call);
void lookUpHost(NativeCall& call);
void checksumBytes(NativeCall& call);
void digestBytes(NativeCall& call);
void deflateBytes(NativeCall& call);
void inflateBytes(NativeCall& call);

}  // namespace heddle::job
