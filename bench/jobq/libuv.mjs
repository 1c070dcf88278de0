import { fstat, openSync } from 'node:fs'

/**
 * libuv's thread pool as a program of Node meets it, through its cheapest asynchronous function: `fstat` of a descriptor that
 * is open, one system call that touches no disk, and a callback. Its threads: UV_THREADPOOL_SIZE.
 */
export function create() {
  const fd = openSync('/dev/null')
  return {
    nothing: () =>
      new Promise((resolve, reject) => {
        fstat(fd, (error) => (error ? reject(error) : resolve()))
      }),
  }
}
