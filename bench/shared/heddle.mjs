import { SharedMap } from '../../dist/index.js'
import { overSyncMap } from './sync-map.mjs'

export const { create, join } = overSyncMap(async () => SharedMap.open('bench'))
