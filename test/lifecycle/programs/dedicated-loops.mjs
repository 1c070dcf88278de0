// Imported before a program (--import), here and in its workers: gives every loop a thread of its own.
import { createRequire } from 'node:module'

const { selectBackend } = createRequire(import.meta.url)('../../../dist/backend/select.js')
const backend = selectBackend()
const { createEngine } = backend
backend.createEngine = (memory, options, dispatch) =>
  createEngine(memory, { ...options, dedicated: true }, dispatch)
