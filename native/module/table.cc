// The C interface of modules: translates arguments and nothing more. What it promises stands in the
// headers.
#include "module/table.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "aco/c_abi.h"
#include "aco/procedures.h"
#include "include/heddle/aco.h"
#include "mem/epoch.h"
#include "mem/memtype.h"
#include "module/events.h"
#include "module/job_call.h"
#include "module/self.h"

namespace heddle::modules {
namespace {

// What other compilers have laid out.
static_assert(sizeof(heddle_value) == 24);
static_assert(sizeof(heddle_init) == 16 || sizeof(void*) != 8);
static_assert(sizeof(heddle_command) == 24 || sizeof(void*) != 8);
static_assert(sizeof(heddle_module) == 56 || sizeof(void*) != 8);
static_assert(sizeof(heddle_option) == 40 || sizeof(void*) != 8);
static_assert(sizeof(heddle_memtype) == 24 || sizeof(void*) != 8);
static_assert(sizeof(heddle_job) == 56 || sizeof(void*) != 8);
static_assert(std::is_same_v<coro::Main, heddle_procedure>);
static_assert(std::is_same_v<aco::NamedFunction, heddle_function>);
static_assert(HEDDLE_READABLE == sys::kRead && HEDDLE_WRITABLE == sys::kWrite &&
              HEDDLE_EXCEPTION == sys::kException);

// --- the self

const char* selfName(const heddle_self* self) { return Self::from(self)->name(); }
void* selfData(const heddle_self* self) { return Self::from(self)->data(); }
void setSelfData(heddle_self* self, void* data) { Self::from(self)->setData(data); }
void holdSelf(heddle_self* self) { Self::from(self)->hold(); }
void releaseSelf(heddle_self* self) { Self::from(self)->release(); }

int fail(heddle_self*, const char* text) {
  noteFailure(text);
  return -1;
}

int append(heddle_response* response, const char* text, size_t size) {
  if (text == nullptr && size > 0) return -EINVAL;
  return reinterpret_cast<Response*>(response)->append(text, size);
}

int format(heddle_response* response, const char* text, ...) {
  char line[1024];
  va_list arguments;
  va_list again;
  va_start(arguments, text);
  va_copy(again, arguments);
  const int length = std::vsnprintf(line, sizeof line, text, arguments);
  va_end(arguments);
  int result = length < 0 ? -EINVAL : 0;
  if (result == 0 && static_cast<size_t>(length) < sizeof line) {
    result = append(response, line, static_cast<size_t>(length));
  } else if (result == 0) {
    const mem::Memtype type = mem::builtinType(mem::Builtin::kModuleBytes);
    char* const whole = mem::formatTextList(type, text, again);
    result = whole == nullptr ? -ENOMEM : append(response, whole, static_cast<size_t>(length));
    mem::release(type, whole);
  }
  va_end(again);
  return result;
}

constexpr heddle_module_api kModule = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_module_api),
    .name = selfName,
    .data = selfData,
    .set_data = setSelfData,
    .hold = holdSelf,
    .release = releaseSelf,
    .fail = fail,
    .append = append,
    .format = format,
};

// --- options

int declareOption(heddle_self* self, const heddle_option* option, int32_t* slot) {
  if (option == nullptr || slot == nullptr) return -EINVAL;
  return Self::from(self)->declareOption(*option, slot);
}

const heddle_values* currentValues(const heddle_self* self) {
  if (!mem::epochInSection()) return nullptr;
  const Values* const values = Self::from(self)->current();
  return values == nullptr ? nullptr : values->handle();
}

const heddle_values* holdValues(const heddle_self* self) {
  const Values* const values = Self::from(self)->holdValues();
  return values == nullptr ? nullptr : values->handle();
}

void releaseValues(const heddle_values* values) {
  if (values != nullptr) const_cast<Values*>(Values::from(values))->release();
}

const heddle_value* arrayOf(const heddle_values* values, int32_t slot, size_t* count) {
  size_t ignored = 0;
  if (count == nullptr) count = &ignored;
  *count = 0;
  return values == nullptr ? nullptr : Values::from(values)->of(slot, count);
}

// The one value of the slot, which is of the type.
int scalar(const heddle_values* values, int32_t slot, int32_t type, const heddle_value** out) {
  size_t count = 0;
  *out = arrayOf(values, slot, &count);
  if (*out == nullptr) return -ENOENT;
  return count == 1 && (*out)->type == type ? 0 : -EINVAL;
}

template <class T, class Take>
int take(const heddle_values* values, int32_t slot, int32_t type, T* out, const Take& value) {
  const heddle_value* found = nullptr;
  const int error = scalar(values, slot, type, &found);
  if (error == 0) *out = value(*found);
  return error;
}

int valueInt64(const heddle_values* values, int32_t slot, int64_t* out) {
  return take(values, slot, HEDDLE_INT64, out, [](const heddle_value& v) { return v.as.integer; });
}

int valueUint64(const heddle_values* values, int32_t slot, uint64_t* out) {
  return take(values, slot, HEDDLE_UINT64, out, [](const heddle_value& v) { return v.as.natural; });
}

int valueReal(const heddle_values* values, int32_t slot, double* out) {
  return take(values, slot, HEDDLE_DOUBLE, out, [](const heddle_value& v) { return v.as.real; });
}

int valueBoolean(const heddle_values* values, int32_t slot, int* out) {
  return take(values, slot, HEDDLE_BOOL, out,
              [](const heddle_value& v) { return v.as.integer == 0 ? 0 : 1; });
}

int valueText(const heddle_values* values, int32_t slot, const char** out) {
  return take(values, slot, HEDDLE_TEXT, out, [](const heddle_value& v) { return v.as.text; });
}

constexpr heddle_option_api kOptions = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_option_api),
    .declare = declareOption,
    .current = currentValues,
    .hold = holdValues,
    .release = releaseValues,
    .int64 = valueInt64,
    .uint64 = valueUint64,
    .real = valueReal,
    .boolean = valueBoolean,
    .text = valueText,
    .array = arrayOf,
};

// --- hooks

constexpr size_t kMostArguments = 64;

int provide(heddle_self* handle, const char* scope, const char* name, int place,
            heddle_provider provider, void* closure) {
  Self* const self = Self::from(handle);
  return self->provide(
      {scope, name, place, {provider, closure == nullptr ? handle : closure, self}});
}

int declareHook(heddle_self* self, const char* scope, const char* name, int kind,
                heddle_hook** out) {
  if (out == nullptr) return -EINVAL;
  Hook* made = nullptr;
  const int error = Self::from(self)->declareHook({scope, name, kind}, &made);
  if (error == 0) *out = made->handle();
  return error;
}

int hasHook(const heddle_hook* hook) { return Hook::from(hook)->has() ? 1 : 0; }

int callHook(heddle_hook* hook, const heddle_value* arguments, size_t count, heddle_value* result) {
  if (count > kMostArguments || (arguments == nullptr && count > 0)) return -EINVAL;
  return Hook::from(hook)->call(arguments, count, result);
}

int postHook(heddle_hook* handle, const heddle_value* arguments, size_t count) {
  Hook* const hook = Hook::from(handle);
  if (hook->kind() != HEDDLE_HOOK_VOID || count > kMostArguments) return -EINVAL;
  if (arguments == nullptr && count > 0) return -EINVAL;
  ValuesMaker maker;
  maker.addSlot(arguments, count);
  return hook->module()->desk().post(
      {.module = hook->module(), .hook = hook, .values = maker.make()});
}

constexpr heddle_hook_api kHooks = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_hook_api),
    .provide = provide,
    .declare = declareHook,
    .has = hasHook,
    .call = callHook,
    .post = postHook,
};

// --- typed memory

int64_t registerType(const heddle_memtype* type) {
  if (type == nullptr || type->fill_garbage > 256) return -EINVAL;
  mem::Definition definition{.description = type->name};
  definition.kind = type->bytes == 0 ? mem::Kind::kVsize : mem::Kind::kFixed;
  definition.bytes = type->bytes;
  if (type->align != 0) definition.align = type->align;
  if (type->fill_garbage != 0) definition.fill = type->fill_garbage - 1;
  return mem::registerMemtype(definition);
}

// What no type has is of the type 0, whose misuse is told as such.
mem::Memtype typeOf(int64_t type) {
  return type > 0 && type <= mem::kMaxTypes ? static_cast<mem::Memtype>(type) : mem::kNoMemtype;
}

void* allocateFixed(int64_t type) { return mem::allocate(typeOf(type)); }
void* allocateBytes(int64_t type, size_t bytes) { return mem::allocateBytes(typeOf(type), bytes); }
void* reallocate(int64_t type, void* block, size_t bytes) {
  return mem::resize(typeOf(type), block, bytes);
}
void freeBlock(int64_t type, void* block) { mem::release(typeOf(type), block); }

constexpr heddle_memory_api kMemory = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_memory_api),
    .register_type = registerType,
    .allocate = allocateFixed,
    .allocate_bytes = allocateBytes,
    .reallocate = reallocate,
    .free = freeBlock,
};

// --- jobs, events, the log

int submit(heddle_self* self, const heddle_job* job) {
  return job == nullptr ? -EINVAL : JobCall::submit(Self::from(self), *job);
}

constexpr heddle_job_api kJobs = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_job_api),
    .submit = submit,
};

int64_t timer(heddle_self* self, int64_t delayNs, int64_t (*run)(void*), void* closure) {
  Events* here = nullptr;
  const int found = Events::here(*Self::from(self), &here);
  return found < 0 ? found : here->timer(Self::from(self), delayNs, run, closure);
}

int64_t watch(heddle_self* self, int fd, uint32_t mask, uint32_t (*ready)(void*, int, uint32_t),
              void* closure) {
  Events* here = nullptr;
  const int found = Events::here(*Self::from(self), &here);
  return found < 0 ? found : here->watch(Self::from(self), fd, mask, ready, closure);
}

int cancel(int64_t handle) { return Events::cancel(handle); }

constexpr heddle_event_api kEvents = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_event_api),
    .timer = timer,
    .watch = watch,
    .cancel = cancel,
};

int writeLog(heddle_self* self, int level, const char* text) {
  return Self::from(self)->log(level, text);
}

constexpr heddle_log_api kLog = {
    .version = HEDDLE_API_VERSION,
    .size = sizeof(heddle_log_api),
    .write = writeLog,
};

}  // namespace

const heddle_api* nativeApi() {
  static const heddle_api api = {
      .version = HEDDLE_API_VERSION,
      .size = sizeof(heddle_api),
      .register_procedure = aco::registerProcedure,
      .register_function = aco::registerFunction,
      .aco = aco::acoApi(),
      .module = &kModule,
      .options = &kOptions,
      .hooks = &kHooks,
      .memory = &kMemory,
      .jobs = &kJobs,
      .events = &kEvents,
      .log = &kLog,
  };
  return &api;
}

}  // namespace heddle::modules
