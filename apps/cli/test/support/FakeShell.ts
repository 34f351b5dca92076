/** A shell that keeps what is written to it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Shell } from "../../src/Shell.ts"

export interface FakeShell {
  readonly written: Array<string>
  readonly layer: Layer.Layer<Shell | NodeServices.NodeServices>
}

export const make = (
  options: {
    readonly directory?: string
    readonly stdin?: string
    readonly isTerminal?: boolean
    readonly columns?: number
  } = {}
): FakeShell => {
  const { columns = 60, directory = "/", isTerminal = false, stdin = "" } = options
  const written: Array<string> = []
  const output = {
    isTerminal,
    hasColor: false,
    columns: isTerminal ? columns : undefined,
    gone: Effect.never,
    write: (text: string) => Effect.sync(() => void written.push(text))
  }
  const shell = {
    directory,
    version: "0.0.0",
    usesDaemon: false,
    environment: process.env,
    node: { version: process.versions.node, path: process.execPath, main: "/usr/bin/holdfast" },
    platform: "linux",
    stdout: output,
    stderr: output,
    stdin: Effect.succeed(stdin)
  }
  return { written, layer: Layer.merge(Layer.succeed(Shell, shell), NodeServices.layer) }
}
