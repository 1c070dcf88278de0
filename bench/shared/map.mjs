import { overSyncMap } from './sync-map.mjs'

/** What one isolate can do that shares with nobody. */
export const { create, join } = overSyncMap(async () => new Map())
