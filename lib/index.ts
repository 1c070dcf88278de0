export {
  type Accepted,
  Aco,
  type AcoAsynchOptions,
  AcoDescriptor,
  type AcoEvent,
  type AcoFunction,
  type AcoStartOptions,
  type AcoStats,
  type AcoWaitOptions,
  type AsynchPhase,
  type AsynchPlace,
  aco,
  Coroutine,
  type CoroutineInfo,
  type CoroutineState,
  type DescriptorRef,
  Gate,
  NativeCoroutine,
  type NativeStackOptions,
  type NativeStartOptions,
  type ResumeReport,
  type SharedStacksOptions,
} from './aco'
export {
  App,
  type AppFindings,
  type AppOptions,
  type AppReload,
  type AppService,
  type HttpService,
  type HttpSettings,
  type TcpService,
  type TcpSettings,
} from './app'
export { adopt, connect, createServer, listen } from './servers'
export type { AddressInfo, Capabilities } from './backend/backend'
export {
  type ClientCommandOptions,
  ControlClient,
  type ControlCloseOptions,
  type ControlEndpoint,
  type ControlListenOptions,
  ControlServer,
  type CoreCommandOptions,
  type ModuleLister,
  registerCoreCommands,
} from './console'
export {
  type AfterCommand,
  type BeforeCommand,
  type CommandCall,
  type CommandFunction,
  type CommandOptions,
  type CommandResult,
  type CommandScope,
  type CommandSource,
  Control,
  type ControlOptions,
  ControlResponse,
  type ControlRow,
  type RunOptions,
} from './control'
export * from './config'
export { defaultLoop } from './default-loop'
export { ERROR_CODES, type ErrorCode, HeddleError, type HeddleErrorOptions } from './errors'
export * from './eventer'
export * from './hooks'
export type {
  BodyCallback,
  HeaderValue,
  HttpCloseOptions,
  HttpHandler,
  HttpLimits,
  HttpListenOptions,
  HttpRouteOptions,
  HttpServerOptions,
  Refusal,
  RequestHeaders,
} from './http'
export { HttpError, HttpRequest, HttpResponse, HttpServer } from './http'
export { Semaphore, type SemaphoreOptions, type SemaphoreWaitOptions } from './locks'
export type {
  AnswerLimit,
  BackQueue,
  BackQueueStats,
  Crc32cOptions,
  DeflateOptions,
  DependentOptions,
  FileStatus,
  HostAddress,
  InflateOptions,
  JobCancel,
  JobContext,
  JobDescription,
  JobOverflow,
  JobqSafety,
  JobqSpec,
  JobQueueOptions,
  JobQueueStats,
  JobRunOptions,
  JobTarget,
  JobTransfer,
  JobWorkerOptions,
  LocatedTarget,
  LookupOptions,
  ModuleTarget,
  NativeJobOptions,
  NativeResult,
  NativeTarget,
  ReadFileOptions,
  ReadPart,
  StatOptions,
  SubqueueStats,
  WorkerDeath,
  WriteFileOptions,
  WriteManner,
} from './jobq'
export {
  controlJobq,
  currentJob,
  JobQueue,
  JobQueues,
  jobqsFromConfig,
  NativeJobs,
  parseJobqSpec,
} from './jobq'
export * from './memory'
export * from './modules'
export type {
  AcoListenerFunction,
  CloseOptions,
  ConnectionHandlers,
  ConnectOptions,
  DelegateOptions,
  EndpointOptions,
  ListenAllResult,
  ListenerConfig,
  ListenOptions,
  NativeService,
  PortHolder,
  StreamOptions,
  WaitOptions,
} from './net'
export { AcoConnection, Connection, Listener, Listeners } from './net'
export * from './threadpool'
export type { SharedKey, SharedMapOptions, SharedMapStats, SharedSetOptions } from './shared'
export { SharedCounter, SharedMap } from './shared'
export { capabilities, type Version, version } from './version'
