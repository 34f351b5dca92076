/**
 * Wraps the platform: hints that a file may be another, as far as the system gives any.
 *
 * A file is reached through folders and links, and each of them may be put in the place of another: an editor renames a new file over the
 * old one, Kubernetes points the link `..data` of a ConfigMap to another folder, a release is a link to its folder. So it is the
 * folders that are watched: the one the file is in, and every one that holds a link on the way.
 *
 * **Gotchas**: these are hints. Network file systems give none, a folder that is gone has none to give, and some systems tell another name
 * than the file's: a program that must know looks at the file itself, and not only after a hint.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type FSWatcher, watch } from "node:fs"
import * as fs from "node:fs/promises"
import { dirname, join, parse, resolve, sep } from "node:path"
import { isNativeError } from "node:util/types"

/** A folder that cannot be watched. `code` is the system's. */
export class Unwatchable extends Data.TaggedError("Unwatchable")<{
  readonly folder: string
  readonly code: string
}> {}

export interface FileHints {
  /**
   * Watches what is on the way to the file now. Succeeds with false while a folder is not there. Fails when one cannot be watched, and
   * watches the others.
   */
  readonly renew: Effect.Effect<boolean, Unwatchable>
}

interface Watched {
  readonly watcher: FSWatcher
  readonly identity: string
}

/** Watches nothing before `renew` is run for the first time. `onHint` is called at any time until the Scope closes. */
export const make = (path: string, onHint: () => void): Effect.Effect<FileHints, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Map<string, Watched>()),
      (watched) =>
        Effect.sync(() => {
          for (const { watcher } of watched.values()) watcher.close()
        })
    ),
    (watched) => ({ renew: Effect.suspend(() => renew(watched, resolve(path), onHint)) })
  )

const renew = Effect.fnUntraced(function*(
  watched: Map<string, Watched>,
  path: string,
  onHint: () => void
): Effect.fn.Return<boolean, Unwatchable> {
  const there = new Map<string, string>()
  const folders = yield* Effect.promise(() => foldersOf(path))
  for (const folder of folders) {
    const identity = yield* Effect.promise(() => identityOf(folder))
    if (identity !== undefined) there.set(folder, identity)
  }
  for (const [folder, { identity, watcher }] of watched) {
    if (there.get(folder) === identity) continue
    watcher.close()
    watched.delete(folder)
  }
  let failure: Unwatchable | undefined
  for (const [folder, identity] of there) {
    if (!watched.has(folder)) failure = begin(watched, folder, identity, onHint) ?? failure
  }
  return failure === undefined ? there.size === folders.length : yield* failure
})

const begin = (
  watched: Map<string, Watched>,
  folder: string,
  identity: string,
  onHint: () => void
): Unwatchable | undefined => {
  try {
    const watcher = watch(folder, { persistent: false }, onHint)
    watched.set(folder, { watcher, identity })
    // The next look begins another one.
    watcher.on("error", () => {
      watcher.close()
      if (watched.get(folder)?.watcher === watcher) watched.delete(folder)
      onHint()
    })
    return undefined
  } catch (error) {
    return new Unwatchable({ folder, code: codeOf(error) })
  }
}

/** The folder of the file, and those that hold a link on the way to it. */
const foldersOf = async (path: string): Promise<ReadonlyArray<string>> => {
  const folders = new Set<string>()
  let next: string | undefined = path
  for (let links = 0; next !== undefined && links < mostLinks; links++) {
    folders.add(dirname(next))
    next = await withoutFirstLink(next, (folder) => folders.add(folder))
  }
  return [...folders]
}

/** As many as Linux follows. */
const mostLinks = 40

const withoutFirstLink = async (path: string, onLink: (folder: string) => void): Promise<string | undefined> => {
  const { root } = parse(path)
  const names = path.slice(root.length).split(sep)
  for (let count = 1; count <= names.length; count++) {
    const part = join(root, ...names.slice(0, count))
    const target = await fs.readlink(part).catch(() => undefined)
    if (target === undefined) continue
    onLink(dirname(part))
    return join(resolve(dirname(part), target), ...names.slice(count))
  }
  return undefined
}

/** Another folder in the place of this one has another. */
const identityOf = (folder: string): Promise<string | undefined> =>
  fs.stat(folder, { bigint: true }).then(
    ({ birthtimeNs, dev, ino }) => `${dev}:${ino}:${birthtimeNs}`,
    () => undefined
  )

const codeOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : "unknown"
