/**
 * Gives every loop of a test file a thread of its own, which the same suite then finds no different: the project
 * `dedicated` of vitest.config.mts runs it before each file. Worker threads that a test starts have embedded loops.
 */
import type { EngineOptions } from '../lib/backend/backend'
import { selectBackend } from '../lib/backend/select'

const backend = selectBackend()
const { createEngine } = backend
backend.createEngine = (memory, options: EngineOptions, dispatch) =>
  createEngine(memory, { ...options, dedicated: true }, dispatch)
