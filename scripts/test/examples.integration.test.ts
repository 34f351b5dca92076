/**
 * The examples in our documents are programs: every `ts` block compiles, in pages and in the comments of sources; those marked
 * `<!-- example: run -->` run.
 *
 * Blocks are written below `test/`, because there every package is installed. A block keeps the line numbers of its page. A block
 * without imports and exports is the end of a pipe (`Effect.catchReason(…)`) and is compiled as one, on an effect with all our errors. A block that is a
 * file (`file: examples/…`) is compiled as that.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import { commentsOf } from "../docs/Comments.ts"
import { type CodeBlock, readPage } from "../docs/Markdown.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const folder = Path.join(root, "test/.tmp/examples")

interface Example extends CodeBlock {
  readonly page: string
  readonly file: string
}

const pages = ["README.md", ...Fs.globSync("{docs/**,packages/*,apps/*}/*.md", { cwd: root })]
  .filter((page) => !page.includes("node_modules") && Path.basename(page) !== "CHANGELOG.md")

const sources = Fs.globSync("{packages,apps}/*/src/**/*.ts", { cwd: root })

const examplesIn = (page: string, text: string): ReadonlyArray<Example> =>
  readPage(text).blocks
    .filter(({ info, note }) => info === "ts" && note?.startsWith("file: ") !== true)
    .map((block) => ({
      ...block,
      page,
      file: `${page.replace(/\.(md|ts)$/, "").replaceAll(/[^\w]+/g, "-")}-${block.line}.ts`
    }))

const textOf = (page: string): string => Fs.readFileSync(Path.join(root, page), "utf8")

const examples: ReadonlyArray<Example> = [
  ...pages.flatMap((page) => examplesIn(page, textOf(page))),
  ...sources.flatMap((source) => examplesIn(source, commentsOf(textOf(source))))
]

const run = examples.filter(({ note }) => note === "example: run")

/** The program of a block, its first line on the line it has in its page. */
const programOf = ({ line, text }: Example): string => {
  const blank = "\n".repeat(line)
  if (/^(import|export) /m.test(text)) return `${blank}${text}\n`
  return `import * as Effect from "effect/Effect"; import type { PoolError, PoolPolicyError } from "@holdfast/core/PoolError"; ` +
    `import type { RecordingInvalid } from "@holdfast/mcp/Recording"; ` +
    `import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"; ` +
    `import type { ProcessError } from "@holdfast/process/ProcessError"; ` +
    `import type { McpServerError } from "@holdfast/server/McpServerError"; ` +
    `import type { DashboardRefusal } from "@holdfast/dashboard/DashboardSource"; ` +
    `declare const call: Effect.Effect<void, McpRuntimeError | PoolError<Error> | PoolPolicyError | ProcessError | RecordingInvalid | ` +
    `McpServerError | DashboardRefusal>; ` +
    `export const handled = call.pipe(${blank}${text}\n)\n`
}

beforeAll(() => {
  Fs.rmSync(folder, { recursive: true, force: true })
  Fs.mkdirSync(folder, { recursive: true })
  const config = {
    extends: "../../../tsconfig.base.json",
    compilerOptions: { composite: false, incremental: false, noEmit: true, noUnusedLocals: false },
    include: ["*.ts"]
  }
  Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(config))
  for (const example of examples) Fs.writeFileSync(Path.join(folder, example.file), programOf(example))
})

afterAll(() => {
  Fs.rmSync(folder, { recursive: true })
})

describe("examples in documents", () => {
  it("are there: the README has one that runs", () => {
    assert.deepStrictEqual(run.filter(({ page }) => page === "README.md").length, 1)
  })

  it("are found in the comments of sources: as many as there are", () => {
    const marks = sources.flatMap((source) => textOf(source).match(/^ *\* @example$/gm) ?? [])
    assert.isAbove(marks.length, 20)
    assert.lengthOf(examples.filter(({ page }) => page.endsWith(".ts")), marks.length)
  })

  it("compile, with Effect's diagnostics", () => {
    const tsc = Path.join(root, "node_modules/typescript/bin/tsc")
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8"
    })
    const readable = examples.reduce((text, { file, page }) => text.replaceAll(`${file}(`, `${page}(`), stdout)
    assert.strictEqual(status, 0, readable)
  })

  it("run, when marked so: the README's reads a file through a real server", () => {
    const require = createRequire(Path.join(root, "test/package.json"))
    const server = require.resolve("@modelcontextprotocol/server-filesystem/dist/index.js")
    const place = Fs.mkdtempSync(Path.join(Os.tmpdir(), "example-"))
    try {
      Fs.copyFileSync(Path.join(root, "README.md"), Path.join(place, "README.md"))
      // The README's configuration, with the installed server instead of a download of it.
      const config = { mcpServers: { fs: { command: process.execPath, args: [server, "."] } } }
      Fs.writeFileSync(Path.join(place, "mcp.json"), JSON.stringify(config))
      for (const { file, page } of run) {
        const { status, stderr, stdout } = spawnSync(process.execPath, [Path.join(folder, file)], {
          cwd: place,
          encoding: "utf8"
        })
        assert.strictEqual(status, 0, `${page}: ${stderr}${stdout}`)
        assert.include(stdout, "# Holdfast", page)
      }
    } finally {
      Fs.rmSync(place, { recursive: true })
    }
  })

  it("of errors without Effect catch what is thrown: by the promise entry, and by Effect.runPromise and runSync", () => {
    const place = Fs.mkdtempSync(Path.join(Os.tmpdir(), "example-"))
    try {
      const config = { mcpServers: { fs: { command: "no-such-command", args: [] } } }
      Fs.writeFileSync(Path.join(place, "mcp.json"), JSON.stringify(config))
      for (
        const [tag, says] of [
          ["CommandNotFound", "install no-such-command"],
          ["UnsafeBind", "do not listen on 0.0.0.0"],
          ["PoolPolicyError", "maxConnections must be"]
        ] as const
      ) {
        const example = examples.findLast(({ page }) => page === `docs/errors/${tag}.md`)
        const { stderr, stdout } = spawnSync(process.execPath, [Path.join(folder, example?.file ?? "")], {
          cwd: place,
          encoding: "utf8"
        })
        assert.include(stderr, says, `${tag}: ${stdout}`)
        assert.notInclude(stderr, "    at ", tag)
      }
    } finally {
      Fs.rmSync(place, { recursive: true })
    }
  })
})
