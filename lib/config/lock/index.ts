export { ownerSource } from './owner-source'
export { type OwnerKind, OwnerToken, Owners } from './owners'
export { type Hold, type LockCounts, type LockMode, SectionLock } from './section-lock'
