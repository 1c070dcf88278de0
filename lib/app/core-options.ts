import type { Config } from '../config'
import {
  bytes,
  type CoreOption,
  type CoreSlot,
  duration,
  text,
  texts,
  whole,
  word,
  yesNo,
} from './core-option'

// Everything that the core can be told by a configuration. It is registered as the options of modules are (MX-08): whoever
// lists options sees both. `docs/reference/app.md` describes each.

const FIXED = { fixed: true } as const
const MAX_PORT = 65_535
const MAX_THREADS = 1024
const MOST = 0x7fffffff

/** The names of stanzas that sections read and nobody declares. */
export const FREE_STANZAS = 'Free_Stanzas'

/** At the top. */
const GLOBAL = {
  modulePath: texts('Module_Path', FIXED),
  freeStanzas: texts(FREE_STANZAS, {}),
  user: text('User', FIXED),
  group: text('Group', FIXED),
  drainTimeout: duration('Drain_Timeout', { default: '10s' }),
}

const EVENTER = {
  loops: whole('Loops', 1, 64, { ...FIXED, default: '1' }),
  kind: word('Kind', ['embedded', 'native'], { ...FIXED, default: 'embedded' }),
  maxSleep: duration('Max_Sleep', { ...FIXED, default: '200ms' }),
  watchdogTimeout: duration('Watchdog_Timeout', { ...FIXED, default: '5s' }),
  timersPerPass: whole('Timers_Per_Pass', 1, 1 << 20, { ...FIXED, default: '1024' }),
  eventsPerWait: whole('Events_Per_Wait', 1, 1 << 16, { ...FIXED, default: '1024' }),
  strict: yesNo('Strict', { ...FIXED, default: 'false' }),
  debugging: yesNo('Debugging', { ...FIXED, default: 'false' }),
  slowCallback: duration('Slow_Callback', FIXED),
  asyncContext: yesNo('Async_Context', { ...FIXED, default: 'false' }),
  sections: yesNo('Sections', { ...FIXED, default: 'true' }),
  openFiles: whole('Open_Files', 256, MOST, FIXED),
}

const POOL = {
  kind: word('Kind', ['embedded', 'native', 'worker'], { ...FIXED, default: 'embedded' }),
  concurrency: whole('Concurrency', 1, 64, FIXED),
  watchdogTimeout: duration('Watchdog_Timeout', { ...FIXED, default: '5s' }),
  module: text('Module', FIXED),
  onWorkerDeath: word('On_Worker_Death', ['respawn', 'exit'], { ...FIXED, default: 'respawn' }),
}

const THREAD_POOL = {
  concurrency: whole('Concurrency', 1, MAX_THREADS, {}),
  backlog: whole('Backlog', 0, MOST, FIXED),
  stackSize: bytes('Stack_Size', {}),
  kind: word('Kind', ['worker', 'native'], FIXED),
}

const JOBQ = {
  kind: word('Kind', ['worker', 'native'], { ...FIXED, default: 'worker' }),
  concurrency: whole('Concurrency', 1, MAX_THREADS, {}),
  min: whole('Min', 0, MAX_THREADS, { default: '0' }),
  max: whole('Max', 0, MAX_THREADS, { default: '0' }),
  floor: whole('Floor', 0, MAX_THREADS, { default: '0' }),
  backlog: whole('Backlog', 0, MOST, { default: '0' }),
  lifo: yesNo('Lifo', { default: 'false' }),
  safety: word('Safety', ['none', 'cs', 'gc'], { ...FIXED, default: 'none' }),
  stackSize: bytes('Stack_Size', { ...FIXED, default: '0' }),
}

/** What listeners of both kinds have in common. */
const ENDPOINT = {
  enabled: yesNo('Enabled', { default: 'true' }),
  address: text('Address', { default: '"127.0.0.1"' }),
  port: whole('Port', 0, MAX_PORT, {}),
  path: text('Path', {}),
  pool: text('Pool', FIXED),
  handler: text('Handler', {}),
  backlog: whole('Backlog', 1, MOST, { ...FIXED, default: '511' }),
  reusePort: yesNo('Reuse_Port', { ...FIXED, default: 'false' }),
  ipv6Only: yesNo('IPv6_Only', { ...FIXED, default: 'false' }),
  acceptsPerPass: whole('Accepts_Per_Pass', 1, MOST, { ...FIXED, default: '64' }),
  maxConnections: whole('Max_Connections', 0, MOST, { ...FIXED, default: '0' }),
  highWater: bytes('High_Water', { ...FIXED, default: '65536' }),
}

const LISTENER = {
  ...ENDPOINT,
  aco: yesNo('Aco', { default: 'false' }),
  noDelay: yesNo('No_Delay', { ...FIXED, default: 'true' }),
  idleTimeout: duration('Idle_Timeout', { ...FIXED, default: '0s' }),
  lowWater: bytes('Low_Water', FIXED),
  maxWriteBuffer: bytes('Max_Write_Buffer', { ...FIXED, default: '67108864' }),
  readBuffer: bytes('Read_Buffer', { ...FIXED, default: '65536' }),
  allowHalfOpen: yesNo('Allow_Half_Open', { ...FIXED, default: 'false' }),
}

const HTTP_LISTENER = {
  ...ENDPOINT,
  maxHead: whole('Max_Head', 64, 65_535, { ...FIXED, default: '16384' }),
  maxHeaders: whole('Max_Headers', 1, 1000, { ...FIXED, default: '100' }),
  maxBody: bytes('Max_Body', { ...FIXED, default: '1048576' }),
  headTimeout: duration('Head_Timeout', { ...FIXED, default: '10s' }),
  requestTimeout: duration('Request_Timeout', { ...FIXED, default: '"1min"' }),
  keepAliveTimeout: duration('Keep_Alive_Timeout', { ...FIXED, default: '5s' }),
  writeTimeout: duration('Write_Timeout', { ...FIXED, default: '30s' }),
  responseTimeout: duration('Response_Timeout', { ...FIXED, default: '0s' }),
  maxRequests: whole('Max_Requests', 0, MOST, { ...FIXED, default: '0' }),
  maxPipelined: whole('Max_Pipelined', 1, 32, { ...FIXED, default: '32' }),
}

const ROUTE = {
  handler: text('Handler', {}),
  aco: yesNo('Aco', { default: 'false' }),
}

const CONTROL = {
  path: text('Path', FIXED),
  port: whole('Port', 0, MAX_PORT, FIXED),
  token: text('Token', FIXED),
}

type Table = Readonly<Record<string, CoreOption<unknown>>>
type SlotsOf<T extends Table> = {
  readonly [K in keyof T]: T[K] extends CoreOption<infer V> ? CoreSlot<V> : never
}

/** The stanzas of the core, with where their options stand. */
const STANZAS = {
  global: { fallback: 'Global', options: GLOBAL },
  eventer: { fallback: 'Eventer', options: EVENTER },
  pool: { fallback: 'Pool', options: POOL },
  threadPool: { fallback: 'ThreadPool', options: THREAD_POOL },
  jobq: { fallback: 'Jobq', options: JOBQ },
  listener: { fallback: 'Listener', options: LISTENER },
  httpListener: { fallback: 'HTTP_Listener', options: HTTP_LISTENER },
  route: { fallback: 'HTTP_Listener:Route', options: ROUTE },
  control: { fallback: 'Control', options: CONTROL },
} as const

/** Slots of all options of the core, by stanza. */
export type CoreSlots = { readonly [S in keyof typeof STANZAS]: SlotsOf<(typeof STANZAS)[S]['options']> }

/** Declares the scopes of the core and registers its options; once a Config. */
export function registerCoreOptions(config: Config): CoreSlots {
  for (const name of ['Eventer', 'Control']) config.defineScope({ name, instances: false })
  for (const name of ['Pool', 'ThreadPool', 'Jobq', 'Listener', 'HTTP_Listener']) config.defineScope({ name })
  config.defineScope({ name: 'Route', parents: ['HTTP_Listener'] })
  const slots: Record<string, Record<string, CoreSlot<unknown>>> = {}
  for (const [stanza, { fallback, options }] of Object.entries(STANZAS))
    slots[stanza] = registerTable(config, fallback, options)
  return slots as unknown as CoreSlots
}

function registerTable(config: Config, fallback: string, table: Table): Record<string, CoreSlot<unknown>> {
  const slots: Record<string, CoreSlot<unknown>> = {}
  for (const [key, { name, def, read }] of Object.entries(table))
    slots[key] = { slot: config.registerOption({ name, fallback, ...def }), read }
  return slots
}
