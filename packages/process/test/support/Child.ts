/**
 * How tests start the fixture programs of this folder and wait for what they do.
 *
 * `eventually` polls on real time, because what other processes do sends no event here; its bound is far beyond what any test
 * needs and only keeps a broken one from hanging.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as path from "node:path"
import process from "node:process"
import type { Readable } from "node:stream"

/** Options to spawn a program of this folder under the Node that runs the tests. */
export const program = (
  name: string,
  ...args: ReadonlyArray<string>
): { readonly command: string; readonly args: ReadonlyArray<string> } => ({
  command: process.execPath,
  args: [path.join(import.meta.dirname, name), ...args]
})

/** All that a stream has given when it contains `text`, or when it ends. */
export const awaitOutput = (stream: Readable, text: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let seen = ""
    const onData = (chunk: Uint8Array): void => {
      seen += new TextDecoder().decode(chunk)
      if (seen.includes(text)) done()
    }
    const done = (): void => {
      stream.off("data", onData)
      stream.off("close", done)
      resume(Effect.succeed(seen))
    }
    stream.on("data", onData)
    stream.on("close", done)
  })

/** Everything a stream gives until it ends. */
export const readAll = (stream: Readable): Effect.Effect<string> => awaitOutput(stream, "\0never\0")

/** Waits until `isTrue`. A defect after ten seconds. */
export const eventually = (what: string, isTrue: () => boolean): Effect.Effect<void> =>
  Effect.sync(isTrue).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("5 millis") }),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.die(new Error(`it never happened that ${what}`))
    }),
    Effect.asVoid
  )
