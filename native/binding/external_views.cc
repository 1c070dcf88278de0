#include "binding/external_views.h"

#include <cerrno>

#include "mem/typed_object.h"

namespace heddle::binding {
namespace {

using BufferViews = mem::Typed<ExternalView, mem::Builtin::kBufferView>;

// What the sentinels lie over.
uint8_t nothing = 0;

// JavaScript cannot run any more: what asks it to is refused.
bool isEnding(napi_env env) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return true;
  napi_value global = nullptr;
  bool hasIt = false;
  const bool runs = napi_get_global(env, &global) == napi_ok &&
                    napi_has_named_property(env, global, "Object", &hasIt) == napi_ok;
  napi_close_handle_scope(env, scope);
  return !runs;
}

// nullptr: detached, or never there.
napi_value attached(napi_env env, napi_ref reference) {
  napi_value buffer = nullptr;
  bool isDetached = true;
  if (napi_get_reference_value(env, reference, &buffer) != napi_ok || buffer == nullptr ||
      napi_is_detached_arraybuffer(env, buffer, &isDetached) != napi_ok || isDetached) {
    return nullptr;
  }
  return buffer;
}

}  // namespace

int ExternalViews::make(napi_env env, void* data, size_t bytes, napi_value* buffer,
                        ExternalView** view) {
  ExternalView* const made = BufferViews::make();
  if (made == nullptr) return -ENOMEM;
  made->owner = this;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, bytes, finalize, made, buffer);
  if (status != napi_ok) {
    BufferViews::destroy(made);
    return status == napi_no_external_buffers_allowed ? -ENOTSUP : -ENOMEM;
  }
  made->next = first_;
  made->place = &first_;
  if (first_ != nullptr) first_->place = &made->next;
  first_ = made;
  if (!watchEnd(env)) {
    napi_detach_arraybuffer(env, *buffer);
    made->isDone = true;
    return -ENOMEM;
  }
  if (napi_create_reference(env, *buffer, 1, &made->buffer) != napi_ok) {
    napi_detach_arraybuffer(env, *buffer);
    made->isDone = true;
    return -ENOMEM;
  }
  *view = made;
  return 0;
}

// Node detaches all external buffers before any cleanup hook runs, the newest first. So we keep one
// of our own that is newer than all others: its finaliser is told before they go.
bool ExternalViews::watchEnd(napi_env env) {
  napi_value sentinel;
  napi_ref reference;
  if (napi_create_external_arraybuffer(env, &nothing, 1, sentinelGone, this, &sentinel) !=
      napi_ok) {
    return false;
  }
  if (napi_create_reference(env, sentinel, 1, &reference) != napi_ok) {
    napi_detach_arraybuffer(env, sentinel);
    return false;
  }
  if (sentinel_ != nullptr) dropSentinel(env);
  sentinel_ = reference;
  return true;
}

void ExternalViews::dropSentinel(napi_env env) {
  const napi_value buffer = attached(env, sentinel_);
  if (buffer != nullptr) napi_detach_arraybuffer(env, buffer);
  napi_delete_reference(env, sentinel_);
}

void ExternalViews::sentinelGone(napi_env env, void*, void* self) {
  // Older ones go as newer ones come.
  if (isEnding(env)) static_cast<ExternalViews*>(self)->beforeEnd(env);
}

napi_value ExternalViews::bufferOf(napi_env env, const ExternalView* view) {
  return attached(env, view->buffer);
}

bool ExternalViews::detach(napi_env env, ExternalView* view, void (*release)(void*),
                           void* context) {
  const napi_value buffer = bufferOf(env, view);
  const bool isDetached = buffer != nullptr && napi_detach_arraybuffer(env, buffer) == napi_ok;
  napi_delete_reference(env, view->buffer);
  view->buffer = nullptr;
  view->isDone = true;
  if (view->isCollected) {
    destroy(view);
    return true;
  }
  // The finaliser destroys it.
  if (isDetached) return true;
  view->release = release;
  view->context = context;
  return false;
}

bool ExternalViews::abandon(napi_env env, ExternalView* view) {
  const bool isLost = view->isLost;
  napi_delete_reference(env, view->buffer);
  view->isDone = true;
  if (view->isCollected) destroy(view);
  return !isLost;
}

void ExternalViews::finalize(napi_env, void*, void* hint) {
  auto* const view = static_cast<ExternalView*>(hint);
  view->isCollected = true;
  if (!view->isDone) return;
  if (view->release != nullptr && !view->isLost) view->release(view->context);
  destroy(view);
}

// The isolate ends. What is detached by now, and not by us, is in somebody else's hands.
void ExternalViews::beforeEnd(napi_env env) {
  if (hasEnded_) return;
  hasEnded_ = true;
  napi_handle_scope scope;
  const bool canLook = napi_open_handle_scope(env, &scope) == napi_ok;
  for (ExternalView* view = first_; view != nullptr; view = view->next) {
    if (view->isCollected) continue;
    const bool isOurs = !view->isDone && canLook && bufferOf(env, view) != nullptr;
    view->isLost = !isOurs && (!view->isDone || view->release != nullptr);
  }
  if (canLook) napi_close_handle_scope(env, scope);
}

void ExternalViews::destroy(ExternalView* view) {
  *view->place = view->next;
  if (view->next != nullptr) view->next->place = view->place;
  BufferViews::destroy(view);
}

}  // namespace heddle::binding
