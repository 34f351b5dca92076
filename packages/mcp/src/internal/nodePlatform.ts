/**
 * The one place of this package that asks Node for files, the environment, the working directory and the machine.
 *
 * It is not Effect's FileSystem so that `layerFile` is complete: a program on Node provides nothing else.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { createReadStream } from "node:fs"
import * as fs from "node:fs/promises"
import { availableParallelism } from "node:os"
import { parseEnv } from "node:util"
import { isNativeError } from "node:util/types"

/** A file that cannot be read. `code` is the operating system's, such as ENOENT. */
export class FileUnreadable extends Data.TaggedError("FileUnreadable")<{
  readonly path: string
  readonly code: string
}> {}

/** The whole file, unless it is longer than `limit` bytes: then the code is EFBIG. Pipes and devices are read like files. */
export const readBytes = (path: string, limit: number): Effect.Effect<Uint8Array, FileUnreadable> =>
  Effect.callback((resume) => {
    const chunks: Array<Uint8Array> = []
    const fail = (code: string): void => resume(Effect.fail(new FileUnreadable({ path, code })))
    // One byte more than allowed is enough to know.
    const stream = createReadStream(path, { end: limit })
      .on("data", (chunk) => void chunks.push(Buffer.from(chunk)))
      .once("end", () => {
        const bytes = Buffer.concat(chunks)
        if (bytes.length > limit) fail("EFBIG")
        else resume(Effect.succeed(bytes))
      })
      .once("error", (error) => fail(codeOf(error)))
    return Effect.sync(() => void stream.destroy())
  })

/** Variables from a file of `NAME=value` lines. */
export const readEnvironmentFile = (
  path: string
): Effect.Effect<Readonly<Record<string, string | undefined>>, FileUnreadable> =>
  Effect.map(readTextFile(path), (text) => parseEnv(text.replace(/^\uFEFF/, "")))

/** Whether there is a folder at the path. */
export const isFolder = (path: string): Effect.Effect<boolean> =>
  Effect.orElseSucceed(
    Effect.map(Effect.tryPromise(() => fs.stat(path)), (found) => found.isDirectory()),
    () => false
  )

/** The whole file as UTF-8 text. */
export const readTextFile = (path: string): Effect.Effect<string, FileUnreadable> =>
  Effect.tryPromise({
    try: (signal) => fs.readFile(path, { encoding: "utf8", signal }),
    catch: (error) => new FileUnreadable({ path, code: codeOf(error) })
  })

/** The environment of this process, as it is now. */
export const environment: Effect.Effect<Readonly<Record<string, string | undefined>>> = Effect.sync(() => process.env)

/** The working directory of this process. */
export const workingDirectory: Effect.Effect<string> = Effect.sync(() => process.cwd())

/** How many processors this process may use. */
export const processors: Effect.Effect<number> = Effect.sync(() => availableParallelism())

const codeOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : "unknown"
