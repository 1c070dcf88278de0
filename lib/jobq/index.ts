export type { LocatedTarget, ModuleTarget, NativeTarget, JobTarget } from './targets'
