import type { Backend, Capabilities } from '../backend'
import { Descriptors } from './descriptors'
import { JsEngine } from './engine'
import { Remote } from './remote'
import { createSharedBackend } from './shared'
import { uncaught } from './uncaught'

const capabilities: Capabilities = {
  backend: 'js',
  implementation: 'libuv',
  systemDescriptors: false,
  reusePort: false,
  threadedClose: false,
}

/**
 * The backend in pure JavaScript. One a isolate: the descriptors it makes are numbers of this backend only,
 * and its loops know those of other isolates by a channel.
 */
export function createJsBackend(): Backend {
  const descriptors = new Descriptors()
  const remote = new Remote()
  return {
    capabilities,
    sys: descriptors,
    shared: createSharedBackend(),
    createEngine: (memory, options, dispatch) => new JsEngine(memory, options, dispatch, descriptors, remote),
    post: (loopId, bytes) => remote.post(loopId, bytes),
    trigger: (loopId, handle, mask) => remote.trigger(loopId, handle, mask),
    wake: (loopId) => remote.wake(loopId),
    uncaught,
  }
}
