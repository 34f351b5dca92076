/**
 * Whether a runner is dead, as the kernel says it: each holds an exclusive lock on a small file of its own for as long as it lives.
 *
 * `BEGIN EXCLUSIVE` of SQLite is the one lock that Node has and that the kernel takes back, however the process ends. A process that
 * gets the lock of a runner knows that the runner is dead: in another PID namespace, after a reboot, or when its pid is used
 * again. No clock is asked. A runner that hangs lives.
 *
 * The files are in a folder beside the store, `<file>-runners`, empty, named after their runners, and removed with them.
 *
 * Gotchas: nothing else in this process may open these files: on POSIX systems closing any descriptor of a file gives up the
 * process's locks on it. A lock file that was deleted tells nothing: then a runner is dead only if its process certainly is, and
 * a living runner takes a new one at its next look (`renew`).
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Runner } from "../local/Store.ts"
import type { ProcessIdentityShape } from "../ProcessIdentity.ts"

/** What the system said. */
export class LockFailure extends Data.TaggedError("LockFailure")<{ readonly cause: unknown }> {}

export interface RunnerLocks {
  /** Held until the Scope closes or the process ends. The file stays: it says that the runner is dead. */
  readonly hold: (runner: string) => Effect.Effect<void, LockFailure, Scope.Scope>
  readonly isDead: (runner: Runner) => Effect.Effect<boolean, LockFailure>
  /** Takes locks again whose files were deleted. */
  readonly renew: Effect.Effect<void, LockFailure>
  /** The runner has left or was buried: its file is of no use any more. */
  readonly forget: (runner: string) => Effect.Effect<void, LockFailure>
  /** Removes files that dead programs left, but for these runners'. */
  readonly sweep: (runners: ReadonlySet<string>) => Effect.Effect<void, LockFailure>
}

/** `store`: the path of the store's file. */
export const make = (store: string, host: ProcessIdentityShape): RunnerLocks => {
  const folder = `${fs.realpathSync(store)}-runners`
  const fileOf = (runner: string) => path.join(folder, `${runner}.lock`)
  const exists = (file: string) => fs.statSync(file, { throwIfNoEntry: false }) !== undefined

  /** The lock on the file, which is made if it is not there; `undefined` if a living process has it. */
  const lock = (file: string): DatabaseSync | undefined => {
    const database = new DatabaseSync(file, { timeout: 0 })
    try {
      // Without this it has a companion, `-journal`.
      database.exec("PRAGMA journal_mode = MEMORY")
      database.exec("BEGIN EXCLUSIVE")
      return database
    } catch (error) {
      database.close()
      if (isBusy(error)) return undefined
      throw error
    }
  }
  /** Does it with the lock of the file, if no living process has it. */
  const locked = <A>(file: string, otherwise: A, f: () => A): A => {
    const database = lock(file)
    if (database === undefined) return otherwise
    try {
      return f()
    } finally {
      database.close()
    }
  }
  const acquire = (file: string): DatabaseSync => {
    for (let tries = 0; tries < 10; tries++) {
      fs.mkdirSync(folder, { recursive: true })
      const database = lock(file)
      // A sweep may have taken the new file away before it was locked: what is locked then has no name any more.
      if (database !== undefined && exists(file)) return database
      database?.close()
    }
    throw new Error(`its lock file, ${file}, is removed again and again`)
  }
  const held = new Map<string, DatabaseSync>()

  return {
    hold: (runner) =>
      Effect.asVoid(Effect.acquireRelease(
        attempt(() => void held.set(runner, acquire(fileOf(runner)))),
        () =>
          Effect.sync(() => {
            held.get(runner)?.close()
            held.delete(runner)
          })
      )),
    renew: attempt(() => {
      for (const [runner, database] of held) {
        if (exists(fileOf(runner))) continue
        held.set(runner, acquire(fileOf(runner)))
        database.close()
      }
    }),
    isDead: ({ id, identity }) =>
      attempt(() => {
        if (held.has(id)) return false
        if (exists(fileOf(id))) return locked(fileOf(id), false, () => true)
        return host.isDead(identity) || host.isOfEarlierBoot(identity)
      }),
    forget: (runner) =>
      attempt(() => {
        fs.rmSync(fileOf(runner), { force: true })
        held.get(runner)?.close()
        held.delete(runner)
        removeEmpty(folder)
      }),
    sweep: (runners) =>
      attempt(() => {
        for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
          const runner = name.endsWith(".lock") ? name.slice(0, -".lock".length) : undefined
          if (runner === undefined || runners.has(runner) || held.has(runner)) continue
          locked(path.join(folder, name), undefined, () => fs.rmSync(path.join(folder, name), { force: true }))
        }
      })
  }
}

const attempt = <A>(f: () => A): Effect.Effect<A, LockFailure> =>
  Effect.try({ try: f, catch: (cause) => new LockFailure({ cause }) })

/** The last runner takes the folder with it. */
const removeEmpty = (folder: string): void => {
  try {
    fs.rmdirSync(folder)
  } catch (error) {
    // Other runners have files in it, or were faster.
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(codeOf(error))) throw error
  }
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : ""

/** SQLITE_BUSY. https://sqlite.org/rescode.html */
const isBusy = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "errcode" in error && (Number(error.errcode) & 0xff) === 5
