export type { SharedKey } from '../backend/shared'
export type { SharedMapOptions, SharedSetOptions } from './options'
export { SharedCounter } from './shared-counter'
export { SharedMap, type SharedMapStats } from './shared-map'
