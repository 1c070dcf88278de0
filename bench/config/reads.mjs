/**
 * Reads by question and contestant: what makes a function that reads one value. `get` asks the same again and again; `turns`
 * asks for two domains in turn, so that nobody gets by with what was asked last.
 */
import { createRequire } from 'node:module'
import { subject } from './subject.mjs'

const require = createRequire(import.meta.url)
/** What peers read, who have no fallback: the place itself. */
const TREE = { domain: { d: { limit: 2 }, e: { limit: 3 } } }

/** Calls the one and the other. */
function inTurn(one, other) {
  let isOne = false
  return () => {
    isOne = !isOne
    return isOne ? one() : other()
  }
}

async function convict() {
  const limit = (value) => ({ limit: { format: 'int', default: value } })
  return require('convict')({ domain: { d: limit(2), e: limit(3) } })
}

async function config() {
  process.env.NODE_CONFIG = JSON.stringify(TREE)
  process.env.SUPPRESS_NO_CONFIG_WARNING = '1'
  const module = await import('config')
  return module.default ?? module
}

async function nconf() {
  const provider = require('nconf')
  provider.use('memory')
  provider.set('domain:d:limit', 2)
  provider.set('domain:e:limit', 3)
  return provider
}

async function fetching() {
  const { config, limit, query, other } = await subject()
  const fetch = (query) => {
    const value = config.fetch(limit, query)
    const read = value.value
    value.release()
    return read
  }
  return { fetch, query, other }
}

export const READS = {
  get: {
    async heddle() {
      const { config, limit, query } = await subject()
      return () => config.value(limit, query)
    },
    async 'heddle-place'() {
      const { config, limit, query } = await subject()
      const place = config.place(query)
      return () => place.value(limit)
    },
    async 'heddle-fetch'() {
      const { fetch, query } = await fetching()
      return () => fetch(query)
    },
    async 'heddle-reader'() {
      const { attach, query } = await subject()
      const { reader, limit } = attach()
      return () => reader.value(limit, query)
    },
    async convict() {
      const peer = await convict()
      return () => peer.get('domain.d.limit')
    },
    async config() {
      const peer = await config()
      return () => peer.get('domain.d.limit')
    },
    async nconf() {
      const peer = await nconf()
      return () => peer.get('domain:d:limit')
    },
  },
  turns: {
    async heddle() {
      const { config, limit, query, other } = await subject()
      return inTurn(
        () => config.value(limit, query),
        () => config.value(limit, other),
      )
    },
    async 'heddle-place'() {
      const { config, limit, query, other } = await subject()
      const places = [config.place(query), config.place(other)]
      return inTurn(
        () => places[0].value(limit),
        () => places[1].value(limit),
      )
    },
    async 'heddle-fetch'() {
      const { fetch, query, other } = await fetching()
      return inTurn(
        () => fetch(query),
        () => fetch(other),
      )
    },
    async 'heddle-reader'() {
      const { attach, query, other } = await subject()
      const { reader, limit } = attach()
      return inTurn(
        () => reader.value(limit, query),
        () => reader.value(limit, other),
      )
    },
    async convict() {
      const peer = await convict()
      return inTurn(
        () => peer.get('domain.d.limit'),
        () => peer.get('domain.e.limit'),
      )
    },
    async config() {
      const peer = await config()
      return inTurn(
        () => peer.get('domain.d.limit'),
        () => peer.get('domain.e.limit'),
      )
    },
    async nconf() {
      const peer = await nconf()
      return inTurn(
        () => peer.get('domain:d:limit'),
        () => peer.get('domain:e:limit'),
      )
    },
  },
}
