import { constants } from 'node:os'
import { systemError } from '../../errors'
import type { Backend, Capabilities, EngineOptions } from '../backend'
import { ListeningSockets } from './listening-socket'
import { Descriptors } from './descriptors'
import { JsEngine } from './engine'
import { JsJobs } from './jobs/jobs'
import { JsMemory } from './memory'
import { Remote } from './remote'
import { JsSafe } from './safe'
import { createSharedBackend } from './shared'
import { uncaught } from './uncaught'

const capabilities: Capabilities = {
  backend: 'js',
  implementation: 'libuv',
  systemDescriptors: false,
  reusePort: false,
  threadedClose: false,
  sharedBlocks: false,
  sharedQueues: false,
  dedicatedLoops: false,
  nativeCoroutines: false,
  nativeModules: false,
}

/**
 * The backend in pure JavaScript. One a isolate: the descriptors it makes are numbers of this backend only,
 * and its loops know those of other isolates by a channel.
 */
export function createJsBackend(): Backend {
  const descriptors = new Descriptors()
  const remote = new Remote()
  const sockets = new ListeningSockets()
  const memory = new JsMemory()
  const jobs = new JsJobs()
  const safe = new JsSafe(() => memory.signal())
  return {
    capabilities,
    sys: descriptors,
    shared: createSharedBackend(),
    memory,
    safe,
    jobs,
    createEngine: (port, options, dispatch) => {
      if (options.dedicated) throw systemError(-constants.errno.ENOTSUP, 'createEngine', options.name)
      return new JsEngine(
        port,
        options,
        inSections(safe, options, dispatch),
        descriptors,
        remote,
        memory,
        jobs,
        sockets,
      )
    },
    post: (loopId, bytes) => remote.post(loopId, bytes),
    trigger: (loopId, handle, mask) => remote.trigger(loopId, handle, mask),
    wake: (loopId) => remote.wake(loopId),
    uncaught,
  }
}

/** Each dispatch is a section, as in the native loop. (SM-01) */
function inSections(
  safe: JsSafe,
  { sections }: EngineOptions,
  dispatch: (words: number) => void,
): typeof dispatch {
  if (sections === false) return dispatch
  return (words) => {
    safe.enter()
    try {
      dispatch(words)
    } finally {
      safe.leave()
    }
  }
}
