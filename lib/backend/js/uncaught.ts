import { setImmediate } from 'node:timers'

/**
 * Reports an exception as Node reports an uncaught one. Without a listener it is thrown on, out of the
 * dispatch and the callback of Node beneath it, so that Node itself prints it and ends the process or the
 * worker.
 */
export function uncaught(error: unknown): void {
  if (process.hasUncaughtExceptionCaptureCallback()) {
    // Node alone can call that one; the batch goes on meanwhile.
    setImmediate(() => {
      throw error
    })
    return
  }
  if (process.listenerCount('uncaughtException') === 0) throw error
  const emitter: NodeJS.EventEmitter = process
  emitter.emit('uncaughtExceptionMonitor', error, 'uncaughtException')
  emitter.emit('uncaughtException', error, 'uncaughtException')
}
