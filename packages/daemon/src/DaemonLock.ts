/**
 * Wraps the platform: a lock that the kernel frees: an exclusive transaction on a small SQLite file, which ends with its holder, however that ends.
 *
 * A file with a pid in it would have the race of two programs that both find it stale.
 *
 * @example
 * ```ts
 * import { DaemonPlace } from "@holdfast/daemon"
 * import * as DaemonLock from "@holdfast/daemon/DaemonLock"
 *
 * using lock = DaemonLock.tryTake(DaemonPlace.open().lock)
 * console.log(lock === undefined ? "a daemon runs" : "no daemon runs, and none can start now")
 * ```
 */
import { createRequire } from "node:module"
import process from "node:process"
import type { DatabaseSync } from "node:sqlite"
import { isNativeError } from "node:util/types"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import { identityOf } from "./internal/identityOf.ts"

/** A lock that is held. `using` releases it, too. */
export interface DaemonLock extends Disposable {
  /** Frees the lock at once. A second call does nothing. */
  readonly release: () => void
  /** False: the file was removed or replaced. Another program can take the new one. */
  readonly isThere: () => boolean
}

/** Takes the lock, or finds it held: undefined. Throws `DaemonRefusal` when the file cannot be used. */
export const tryTake = (file: string): DaemonLock | undefined => {
  let database: DatabaseSync | undefined
  try {
    database = new (sqlite().DatabaseSync)(file, { timeout: 0 })
    // In any other mode a lock file that is left over would have to be recovered first. Nothing is ever written.
    database.exec("PRAGMA journal_mode = MEMORY")
    database.exec("BEGIN EXCLUSIVE")
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    const why = isNativeError(error) ? error.message : String(error)
    throw new DaemonRefusal("NoPlace", `no daemon can be used: the lock ${file} cannot be taken (${why})`)
  }
  const taken = database
  let isHeld = true
  const release = (): void => {
    if (isHeld) taken.close()
    isHeld = false
  }
  return { release, isThere: identityOf(file), [Symbol.dispose]: release }
}

/**
 * Loaded when it is needed: a client that finds its daemon has no use for it. Node 22 warns that it is experimental, which tells a user of
 * the command line nothing.
 */
const sqlite = (): typeof import("node:sqlite") => {
  const { emitWarning } = process
  process.emitWarning = ignore
  try {
    return createRequire(import.meta.url)("node:sqlite")
  } finally {
    process.emitWarning = emitWarning
  }
}

const ignore = (): void => {}

/** SQLITE_BUSY and SQLITE_LOCKED, whatever they are extended by. */
const isBusy = (error: unknown): boolean =>
  isNativeError(error) && "errcode" in error && typeof error.errcode === "number" &&
  [5, 6].includes(error.errcode & 0xff)
