#include "binding/coroutines.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "aco/asynch_runner.h"

namespace heddle::binding {
namespace {

uint32_t low(aco::Id id) { return static_cast<uint32_t>(id); }
uint32_t high(aco::Id id) { return static_cast<uint32_t>(id >> 32); }

// Has the threads of asynchronous calls stay until the process ends, whoever calls. They run code
// of modules, which nobody can hurry, and a worker that ends must not wait for it. For that the
// library has to stay loaded, see environment.cc.
void keepAsynchThreads() {
  [[maybe_unused]] static const bool kept = (aco::asynchRunner().acquire(), true);
}

}  // namespace

int Coroutines::require(aco::Runtime** out, const aco::RuntimeOptions* options) {
  aco::Runtime* const known = runtime();
  const int made = aco::Runtime::require(*loop_, out, options);
  if (known == nullptr && made == 0) {
    keepAsynchThreads();
    (*out)->setReporter(reported, this);
    hook(*out);
  }
  return made;
}

void Coroutines::hook(aco::Runtime* runtime) {
  runtime->setResumeHook(reportsResumes_ ? resumed : nullptr, this);
}

aco::Runtime* Coroutines::prepare() {
  aco::Runtime* made = nullptr;
  return require(&made) < 0 ? nullptr : made;
}

int Coroutines::setStacks(const coro::StacksOptions& stacks) {
  aco::Runtime* made = nullptr;
  const aco::RuntimeOptions options{stacks};
  return require(&made, &options);
}

int64_t Coroutines::start(const Start& options) {
  const aco::Procedure procedure = aco::findProcedure(options.procedure);
  if (procedure.name == nullptr) return -ENOENT;
  aco::Runtime* here = nullptr;
  const int made = require(&here);
  if (made < 0) return made;
  aco::StartOptions start;
  start.name = procedure.name;
  start.stack = options.stack;
  start.argumentBytes = options.argumentBytes;
  start.ended = ended;
  start.endedContext = this;
  return here->start(procedure.main, options.argument, start);
}

int64_t Coroutines::listen(const char* name, aco::ListenSpec* spec) {
  const aco::Procedure procedure = aco::findProcedure(name);
  if (procedure.name == nullptr) return -ENOENT;
  aco::Runtime* here = nullptr;
  const int made = require(&here);
  if (made < 0) return made;
  spec->procedure = procedure.main;
  spec->name = procedure.name;
  return here->listen(*spec);
}

void Coroutines::reportResumes(bool on) {
  reportsResumes_ = on;
  if (aco::Runtime* const here = runtime(); here != nullptr) hook(here);
}

const char* Coroutines::name(uint32_t index) const {
  return index == 0 || index > names_.size() ? "" : names_[index - 1];
}

// 0 for no name, and without memory for one more.
uint32_t Coroutines::indexOf(const char* name) {
  if (name[0] == '\0') return 0;
  const char* const* const found = std::find(names_.begin(), names_.end(), name);
  const auto index = static_cast<uint32_t>(found - names_.begin());
  if (index == names_.size() && !names_.push(name)) return 0;
  return index + 1;
}

void Coroutines::ended(void* data, aco::Id id, aco::Outcome outcome) {
  auto* const self = static_cast<Coroutines*>(data);
  self->loop_->port().emit(loop::In::ACO_ENDED, low(id), high(id), outcome);
}

void Coroutines::resumed(void* data, const aco::ResumeInfo& info) {
  auto* const self = static_cast<Coroutines*>(data);
  self->loop_->port().emit(loop::In::ACO_RESUMED, low(info.id), high(info.id), info.stackBytes,
                           self->indexOf(info.name));
}

void Coroutines::reported(void* data, const aco::Report& report) {
  auto* const self = static_cast<Coroutines*>(data);
  self->loop_->port().emit(loop::In::ACO_TROUBLE, report.trouble, low(report.coroutine),
                           high(report.coroutine), self->indexOf(report.name), report.fd,
                           report.error);
}

}  // namespace heddle::binding
