#include "binding/external_views.h"

#include <cerrno>

#include "mem/typed_object.h"

namespace heddle::binding {
namespace {

using BufferViews = mem::Typed<ExternalView, mem::Builtin::kBufferView>;

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
  // Node's own hook for the buffer detaches it at the isolate's end; ours must look before that,
  // and hooks run in reverse order.
  env_ = env;
  napi_remove_env_cleanup_hook(env, beforeEnd, this);
  napi_add_env_cleanup_hook(env, beforeEnd, this);
  if (napi_create_reference(env, *buffer, 1, &made->buffer) != napi_ok) {
    napi_detach_arraybuffer(env, *buffer);
    made->isDone = true;
    return -ENOMEM;
  }
  *view = made;
  return 0;
}

napi_value ExternalViews::bufferOf(napi_env env, const ExternalView* view) {
  napi_value buffer = nullptr;
  bool isDetached = true;
  if (napi_get_reference_value(env, view->buffer, &buffer) != napi_ok || buffer == nullptr ||
      napi_is_detached_arraybuffer(env, buffer, &isDetached) != napi_ok || isDetached) {
    return nullptr;
  }
  return buffer;
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
void ExternalViews::beforeEnd(void* data) {
  auto* const self = static_cast<ExternalViews*>(data);
  napi_handle_scope scope;
  const bool canLook = napi_open_handle_scope(self->env_, &scope) == napi_ok;
  for (ExternalView* view = self->first_; view != nullptr; view = view->next) {
    if (view->isCollected) continue;
    const bool isOurs = !view->isDone && canLook && bufferOf(self->env_, view) != nullptr;
    view->isLost = !isOurs && (!view->isDone || view->release != nullptr);
  }
  if (canLook) napi_close_handle_scope(self->env_, scope);
}

void ExternalViews::destroy(ExternalView* view) {
  *view->place = view->next;
  if (view->next != nullptr) view->next->place = view->place;
  BufferViews::destroy(view);
}

}  // namespace heddle::binding
