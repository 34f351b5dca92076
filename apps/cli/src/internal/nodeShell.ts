/**
 * The shell as Node sees it: the only file here, with `main.ts`, that touches `process`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import type { WriteStream } from "node:tty"
import { type Output, Shell, StdinUnreadable } from "../Shell.ts"

/** The process's own streams. */
export const layer: Layer.Layer<Shell> = Layer.effect(
  Shell,
  Effect.map(Effect.cached(Effect.suspend(() => readStdin)), (stdin) => ({
    directory: process.cwd(),
    version: readVersion(),
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    stdin
  }))
)

const output = (stream: WriteStream): Output => {
  const isTerminal = stream.isTTY === true
  return {
    isTerminal,
    hasColor: isTerminal && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb",
    columns: isTerminal ? stream.columns : undefined,
    write: (text) =>
      Effect.callback((resume) => {
        stream.write(text, () => resume(Effect.void))
      })
  }
}

/** Nobody reads any more: that is the reader's choice. Without a listener it would be an uncaught exception. */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const readStdin: Effect.Effect<string, StdinUnreadable> = Effect.callback((resume) => {
  const chunks: Array<Uint8Array> = []
  const onData = (chunk: Uint8Array): void => {
    chunks.push(chunk)
  }
  const onEnd = (): void => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8")))
  const onError = ({ message }: Error): void =>
    resume(Effect.fail(new StdinUnreadable({ message: `cannot read standard input: ${message}` })))
  process.stdin.on("data", onData).once("end", onEnd).once("error", onError)
  return Effect.sync(() => {
    process.stdin.off("data", onData).off("end", onEnd).off("error", onError).pause()
  })
})

/** From our own package.json, which is one folder up from the sources and from `dist` alike. */
const readVersion = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown"
}
