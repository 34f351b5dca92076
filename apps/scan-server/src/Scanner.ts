/**
 * Scans trees of source files for secrets, in threads of its own, so that its server stays responsive.
 *
 * Promises
 * - Only what lies under an allowed root is read, links resolved; anything else is `RootNotAllowed`. What is swapped for a link between a
 *   look and the next is not followed.
 * - A tree is planned as batches, and a batch scanned at a time: each can be stored as a step of a job, and none is scanned twice.
 * - Memory does not depend on the size of files.
 * - What was not read is listed with its reason: a folder, a file, a file over a part of which a pattern takes too long.
 * - Interrupting a scan ends the threads that work for it at once.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Finding, NotRead } from "./Finding.ts"
import * as FingerprintKey from "./FingerprintKey.ts"
import type { Listed, ListedFile } from "./internal/listFiles.ts"
import * as Threads from "./internal/nodeThreads.ts"
import * as pathText from "./internal/pathText.ts"
import type { Scanned } from "./internal/scanFiles.ts"
import type { Task } from "./internal/scanWorker.ts"
import type { RuleSet } from "./ScanRule.ts"

/** What is to be scanned is not under any root that the server was given, or is not there. Which of them is not said. */
export class RootNotAllowed extends Data.TaggedError("RootNotAllowed")<{
  readonly root: string
  readonly allowed: ReadonlyArray<string>
}> {
  override get message(): string {
    return `${this.root} is not a folder under ${this.allowed.join(" or ")}; these are the roots this server may scan`
  }
}

/** A root that the server was given is no folder that it can scan. */
export class RootUnusable extends Data.TaggedError("RootUnusable")<{
  readonly root: string
  readonly problem: string
}> {
  override get message(): string {
    return `root ${this.root}: ${this.problem}`
  }
}

/** Files that are scanned together. */
export const Batch = Schema.Struct({
  paths: Schema.Array(Schema.String),
  bytes: Schema.Finite
})
/** What the schema `Batch` reads. */
export type Batch = typeof Batch.Type

/** What is scanned of a tree. */
export const Plan = Schema.Struct({
  batches: Schema.Array(Batch),
  /** Folders that could not be looked into. */
  notRead: Schema.Array(NotRead)
})
/** What the schema `Plan` reads. */
export type Plan = typeof Plan.Type

/** What one batch has brought. */
export const BatchResult = Schema.Struct({
  findings: Schema.Array(Finding),
  files: Schema.Int,
  bytes: Schema.Finite,
  binary: Schema.Int,
  allowed: Schema.Int,
  notRead: Schema.Array(NotRead)
})
/** What the schema `BatchResult` reads. */
export type BatchResult = typeof BatchResult.Type

/** What a scanner may scan, and how. */
export interface ScannerOptions {
  /** Folders that may be scanned, with everything in them. */
  readonly roots: ReadonlyArray<string>
  readonly rules: RuleSet
  /** What fingerprints are made with. Default: a key of its own, so that those of two scanners differ. */
  readonly key?: string | undefined
  /** Threads. Default: 2. */
  readonly threads?: number | undefined
  /** How much of the processor 256 KiB of a file may take. What a busy machine makes it wait does not count. Default: 10 seconds. */
  readonly partTimeout?: Duration.Input | undefined
}

/** The service. */
export class Scanner extends Context.Service<Scanner, {
  /** The real path of a folder that may be scanned. A relative one is meant from the first root. */
  readonly resolve: (root: string) => Effect.Effect<string, RootNotAllowed>
  /** The files of a folder, in batches of about 8 MB. The root is real and allowed: see `resolve`. */
  readonly plan: (root: string) => Effect.Effect<Plan>
  readonly scan: (root: string, batch: Batch) => Effect.Effect<BatchResult>
  /** What the commits of its git repository have ever added. */
  readonly history: (root: string) => Effect.Effect<BatchResult>
  /** How many batches are scanned at once. */
  readonly threads: number
}>()("@holdfast/scan-server/Scanner") {}

/** How often it is looked what a part has taken. */
const lookInterval = "50 millis"

const maxBatchFiles = 250
const maxBatchBytes = 8 * 1024 * 1024

/** Makes a scanner, whose threads live as long as the Scope. Fails with `RootUnusable`. */
export const make = Effect.fnUntraced(function*(options: ScannerOptions) {
  const { key = yield* FingerprintKey.random, partTimeout = "10 seconds", rules, threads = 2 } = options
  const limit = Duration.toMillis(Duration.fromInputUnsafe(partTimeout))
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const scope = yield* Effect.scope
  const allowed = yield* Effect.forEach(options.roots, (root) =>
    Effect.gen(function*() {
      const real = yield* fs.realPath(root)
      const { type } = yield* fs.stat(real)
      if (type === "Directory") return real
      return yield* new RootUnusable({ root, problem: "this is no folder; name the folder it is in" })
    }).pipe(
      Effect.catchTag("PlatformError", ({ reason }) =>
        Effect.fail(
          new RootUnusable({
            root,
            problem: reason._tag === "NotFound"
              ? "there is no such folder; name one that is there"
              : "the folder cannot be read; see that the user of this server may read it"
          })
        ))
    ))
  const free = yield* Queue.unbounded<{ readonly thread: Threads.Thread; readonly scope: Scope.Closeable }>()
  const open = Effect.gen(function*() {
    const own = yield* Scope.fork(scope)
    return { thread: yield* Scope.provide(Threads.make({ rules, key }), own), scope: own }
  })
  yield* Effect.forEach(Array.from({ length: threads }), () => Effect.flatMap(open, (one) => Queue.offer(free, one)))

  /** A thread that did not survive what it was used for is replaced. */
  const withThread = <A, E>(use: (thread: Threads.Thread) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Queue.take(free),
      ({ thread }) => use(thread),
      (one) =>
        one.thread.isAlive()
          ? Effect.asVoid(Queue.offer(free, one))
          : Scope.close(one.scope, Exit.void).pipe(
            Effect.andThen(open),
            Effect.andThen((fresh) => Queue.offer(free, fresh))
          )
    )

  /** Fails, with the file it was at, when a part of it, or one folder, takes too long or kills the thread. */
  const attempt = <Answer>(task: Task) => {
    // Another one with each part. None, until the thread has begun: what it takes to start is no file's time.
    let at = { file: -1 }
    return withThread((thread) => {
      // The caller names what the thread answers such a task with.
      const answer = thread.run(task, (file) => void (at = { file })) as Effect.Effect<
        Answer,
        Threads.ThreadEnded
      >
      const look = Effect.map(thread.processorMillis, (millis) => ({ at, millis }))
      const tooLong = Effect.gen(function*() {
        let begun = yield* look
        yield* look.pipe(
          Effect.delay(lookInterval),
          Effect.repeat({
            until: (now) => {
              if (now.at !== begun.at) begun = now
              return now.at.file >= 0 && now.millis - begun.millis >= limit
            }
          })
        )
        return yield* Effect.fail({
          description: `a part of it took more than ${Duration.format(Duration.millis(limit))} of the processor`
        })
      })
      return Effect.raceFirst(answer, tooLong)
    }).pipe(
      // A thread that ended before it began has ended over the first file, as far as can be known.
      Effect.mapError(({ description }) => ({ description, lost: Math.max(0, at.file) }))
    )
  }

  /** Goes on behind a file that takes too long, with another thread. */
  const scan = (root: string, paths: ReadonlyArray<string>): Effect.Effect<Scanned> =>
    Effect.catch(attempt<Scanned>({ _tag: "Scan", root, paths }), ({ description, lost }) => {
      const notRead = [{ path: pathText.show(paths[lost] ?? ""), reason: description }]
      return Effect.zipWith(
        rest(root, paths.slice(0, lost)),
        rest(root, paths.slice(lost + 1)),
        (a, b) => sum([a, { ...nothing, notRead }, b])
      )
    })
  const rest = (root: string, paths: ReadonlyArray<string>) =>
    paths.length === 0 ? Effect.succeed(nothing) : scan(root, paths)

  return Scanner.of({
    threads,
    resolve: (root) =>
      Effect.gen(function*() {
        const refused = new RootNotAllowed({ root, allowed: options.roots })
        const real = yield* Effect.mapError(fs.realPath(path.resolve(allowed[0] ?? "/", root)), () => refused)
        const isInside = allowed.some((base) =>
          real === base || real.startsWith(base.endsWith(path.sep) ? base : base + path.sep)
        )
        if (!isInside) return yield* refused
        const { type } = yield* Effect.mapError(fs.stat(real), () => refused)
        return type === "Directory" ? real : yield* refused
      }),
    plan: (root) =>
      attempt<Listed>({ _tag: "List", root }).pipe(
        Effect.map(({ files, notRead }) => ({ batches: inBatches(files), notRead })),
        Effect.catch(({ description }) =>
          Effect.succeed({
            batches: [],
            notRead: [{ path: ".", reason: `its files cannot be listed: ${description}` }]
          })
        )
      ),
    scan: (root, { paths }) => scan(root, paths),
    history: (root) =>
      Effect.catch(
        attempt<Scanned>({ _tag: "History", root }),
        ({ description }) => Effect.succeed({ ...nothing, notRead: [{ path: ".git", reason: description }] })
      )
  })
})

/** Batches together. */
export const sum = (results: ReadonlyArray<BatchResult>): BatchResult => ({
  findings: results.flatMap(({ findings }) => findings),
  files: results.reduce((sum, { files }) => sum + files, 0),
  bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
  binary: results.reduce((sum, { binary }) => sum + binary, 0),
  allowed: results.reduce((sum, { allowed }) => sum + allowed, 0),
  notRead: results.flatMap(({ notRead }) => notRead)
})

const nothing = sum([])

const inBatches = (files: ReadonlyArray<ListedFile>): ReadonlyArray<Batch> => {
  const batches: Array<{ paths: Array<string>; bytes: number }> = []
  for (const { bytes, path } of files) {
    const last = batches.at(-1)
    if (last === undefined || last.paths.length >= maxBatchFiles || last.bytes + bytes > maxBatchBytes) {
      batches.push({ paths: [path], bytes })
    } else {
      last.paths.push(path)
      last.bytes += bytes
    }
  }
  return batches
}

/** The service. */
export const layer = (options: ScannerOptions) => Layer.effect(Scanner, make(options))
