/**
 * What worker threads and the isolate of the Config say to each other about sections. Each request has a number, and one
 * answer; a `cancel` has none, and the answer to what it cancels may have been sent already.
 */
import type { LockMode } from '../lock'
import type { KeyPath, PathStep } from '../path'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'

/** One change of a working copy, in its order. */
export type SectionChange =
  | { readonly kind: 'set'; readonly at: KeyPath; readonly value: string }
  | { readonly kind: 'unset'; readonly at: KeyPath }
  | { readonly kind: 'remove'; readonly steps: readonly PathStep[] }

/** From a worker thread. */
export type SectionRequest =
  | {
      readonly kind: 'acquire'
      readonly id: number
      readonly mode: LockMode
      /** The number of the owner in that thread. */
      readonly owner: number
      /** Not to wait. */
      readonly isNow: boolean
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | {
      readonly kind: 'release'
      readonly id: number
      /** The number of the request that took it. */
      readonly lease: number
      /** Of the last write section of its owner; null: they are dropped. */
      readonly changes: readonly SectionChange[] | null
    }

/** To a worker thread. */
export interface SectionAnswer {
  readonly id: number
  readonly error?: { readonly code: string; readonly message: string } | undefined
  readonly result?: CommitResult | undefined
  /** The tree to be seen from now on, where it is another than this thread has got last. */
  readonly root?: ConfigNode | undefined
}
