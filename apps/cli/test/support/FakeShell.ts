/** A shell that keeps what is written to it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Readable } from "node:stream"
import { Shell } from "../../src/Shell.ts"

export interface FakeShell {
  /** On both outputs, in order. */
  readonly written: Array<string>
  readonly out: Array<string>
  readonly err: Array<string>
  readonly layer: Layer.Layer<Shell | NodeServices.NodeServices>
}

export const make = (
  options: {
    readonly directory?: string
    readonly stdin?: string
    readonly isTerminal?: boolean
    readonly columns?: number
    /** What is typed, line by line. Without it there is no person. */
    readonly typed?: ReadonlyArray<string>
  } = {}
): FakeShell => {
  const { columns = 60, directory = "/", isTerminal = false, stdin = "" } = options
  const written: Array<string> = []
  const out: Array<string> = []
  const err: Array<string> = []
  const output = (own: Array<string>) => ({
    isTerminal,
    hasColor: false,
    columns: isTerminal ? columns : undefined,
    gone: Effect.never,
    hasReader: () => true,
    write: (text: string | Uint8Array) =>
      Effect.sync(() => {
        const said = typeof text === "string" ? text : Buffer.from(text).toString("latin1")
        written.push(said)
        own.push(said)
      })
  })
  const lines = options.typed?.values()
  const shell = {
    directory,
    version: "0.0.0",
    usesDaemon: false,
    environment: process.env,
    node: { version: process.versions.node, path: process.execPath, main: "/usr/bin/holdfast" },
    platform: "linux",
    stdout: output(out),
    stderr: output(err),
    stdin: Effect.succeed(stdin),
    stdinChunks: Readable.from([Buffer.from(stdin)]),
    ask: lines && ((prompt: string) =>
      Effect.sync(() => {
        written.push(prompt)
        err.push(prompt)
        const { done, value } = lines.next()
        return done === true ? Option.none<string>() : Option.some(value)
      }))
  }
  return { written, out, err, layer: Layer.merge(Layer.succeed(Shell, shell), NodeServices.layer) }
}
