import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { platformFiles } from "../lint/PlatformFiles.ts"

const root = Path.resolve(import.meta.dirname, "../..")

interface Finding {
  readonly code: string
  readonly message: string
  readonly filename: string
}

/** Runs the real linter with the real configuration. */
const lint = (cwd: string, env: Readonly<Record<string, string>> = {}): ReadonlyArray<Finding> => {
  const oxlint = Path.join(root, "node_modules/oxlint/bin/oxlint")
  const { stderr, stdout } = spawnSync(process.execPath, [oxlint, "--format=json"], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env }
  })
  if (!stdout.startsWith("{")) throw new Error(`oxlint said: ${stdout}${stderr}`)
  // The format is oxlint's own; the assertions below fail on anything else.
  return (JSON.parse(stdout) as { readonly diagnostics: ReadonlyArray<Finding> }).diagnostics
}

/** Lints files as if they stood at these paths in this repository; the answer has one list for each, in their order. */
const lintPlanted = (
  ...files: ReadonlyArray<readonly [path: string, text: string]>
): ReadonlyArray<ReadonlyArray<string>> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "lint-"))
  try {
    const config = Fs.readFileSync(Path.join(root, ".oxlintrc.json"), "utf8")
    Fs.writeFileSync(Path.join(folder, ".oxlintrc.json"), config.replaceAll("\"./", `"${root}/`))
    for (const [path, text] of files) {
      Fs.mkdirSync(Path.dirname(Path.join(folder, path)), { recursive: true })
      Fs.writeFileSync(Path.join(folder, path), `${text}\n`)
    }
    const findings = lint(folder)
    return files.map(([path]) =>
      findings.filter(({ filename }) => filename === path).map(({ code, message }) => `${code} ${message}`)
    )
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

/** Each text as a source file of a package. */
const lintSources = (...texts: ReadonlyArray<string>) =>
  lintPlanted(...texts.map((text, index) => [`packages/core/src/Planted${index}.ts`, text] as const))

describe("lint: no-platform", () => {
  const planted: ReadonlyArray<readonly [use: string, text: string]> = [
    ["time", "export const now = () => Date.now()"],
    ["time", "export const now = () => new Date()"],
    ["time", "export const now = () => Date()"],
    ["time", "export const now = () => performance.now()"],
    ["time", "import { performance } from \"node:perf_hooks\"\nexport const now = () => performance.now()"],
    ["randomness", "export const dice = () => Math.random()"],
    ["randomness", "export const id = () => crypto.randomUUID()"],
    ["randomness", "import { randomUUID } from \"node:crypto\"\nexport const id = () => randomUUID()"],
    ["randomness", "import * as Crypto from \"node:crypto\"\nexport const id = () => Crypto.randomBytes(8)"],
    ["timers", "export const later = (f: () => void) => setTimeout(f, 1)"],
    ["timers", "export const later = (f: () => void) => globalThis.setInterval(f, 1)"],
    ["timers", "export const later = setImmediate"],
    ["timers", "export const later = (f: () => void) => queueMicrotask(f)"],
    ["timers", "import { setTimeout } from \"node:timers/promises\"\nexport const later = setTimeout"],
    ["timers", "export const signal = () => AbortSignal.timeout(10)"],
    ["promises", "export const loose = new Promise<void>((done) => done())"],
    ["promises", "export const loose = (all: Array<Promise<void>>) => Promise.all(all)"],
    ["promises", "export const loose = (one: PromiseLike<void>) => one.then(() => 1)"],
    ["process", "export const id = process.pid"],
    ["process", "import process from \"node:process\"\nexport const id = process.pid"],
    ["process", "import { spawn } from \"node:child_process\"\nexport const run = spawn"],
    ["io", "import * as Fs from \"node:fs\"\nexport const read = Fs.readFileSync"],
    ["io", "import { Agent } from \"undici\"\nexport const agent = () => new Agent()"],
    ["io", "import { Agent } from \"#undici\"\nexport const agent = () => new Agent()"],
    ["io", "export const get = (url: string) => fetch(url)"],
    ["io", "export const say = (text: string) => console.log(text)"]
  ]

  it("finds every forbidden use, whatever way it is written", () => {
    const found = lintSources(...planted.map(([, text]) => text))
    for (const [index, [use, text]] of planted.entries()) {
      const lines = found[index] ?? []
      assert.isTrue(
        lines.some((line) => line.startsWith("holdfast(no-platform)") && line.includes(` is ${use}: `)),
        `${text}: found only ${JSON.stringify(lines)}`
      )
    }
  })

  it("lets pure uses, types, local names and comments pass", () => {
    const text = `
import { createHash } from "node:crypto"
import * as Path from "node:path"
import type { Writable } from "node:stream"
import type * as Http from "node:http"
// Date.now() and setTimeout belong to the platform.
export const day = (millis: number): Date => new Date(millis)
export const round = Math.round
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex")
export const join = Path.join
export const pidOf = (process: { readonly pid: number }): number => process.pid
export interface Peer { readonly socket: Writable; readonly server: Http.Server; readonly done: Promise<void> }
export const text = "process.exit()"
`
    assert.deepStrictEqual(lintSources(text), [[]])
  })

  it("leaves tests and scripts alone", () => {
    assert.deepStrictEqual(lintPlanted(["packages/core/test/planted.ts", "export const now = Date.now()"]), [[]])
  })

  it("lets a platform file use what its entry allows, and nothing else", () => {
    const entry = platformFiles.find(({ allows }) => allows.includes("process") && !allows.includes("randomness"))
    assert.isDefined(entry)
    assert.deepStrictEqual(lintPlanted([entry.file, "export const id = process.pid"]), [[]])
    assert.lengthOf(lintPlanted([entry.file, "export const dice = Math.random()"])[0] ?? [], 1)
  })

  it("every entry of PlatformFiles names an existing file that needs all it is allowed", () => {
    const findings = lint(root, { HOLDFAST_LINT_NO_EXCEPTIONS: "1" })
    const idle = platformFiles.flatMap(({ allows, file }) =>
      allows
        .filter((use) =>
          !findings.some(({ code, filename, message }) =>
            filename === file &&
            (message.includes(` is ${use}: `) || (use === "promises" && code === "holdfast(no-async)"))
          )
        )
        .map((use) => `${file} does not need ${use}`)
    )
    assert.deepStrictEqual(idle, [])
  })
})

describe("lint: explain-cast", () => {
  it("finds a cast without a reason", () => {
    const texts = [
      "export const n = (x: unknown) => x as number",
      "/** A number. */\nexport const n = (x: unknown) => x as number",
      "// Far away.\n\nexport const n = (x: unknown) => x as number",
      "export const n = (x: unknown) => <number> x"
    ]
    for (const [index, lines] of lintSources(...texts).entries()) {
      assert.isTrue(lines.some((line) => line.startsWith("holdfast(explain-cast)")), texts[index])
    }
  })

  it("accepts a reason above the statement, above the cast and beside it, and needs none for `as const`", () => {
    const text = `
// The caller checked it.
export const a = (x: unknown) => x as number
export const b = (x: unknown) => {
  return [
    1,
    // The caller checked it.
    x as number
  ]
}
export const c = (x: unknown) => x as number // The caller checked it.
export const d = ["a"] as const
`
    assert.deepStrictEqual(lintSources(text), [[]])
  })
})

describe("lint: the rest of the house", () => {
  it("finds async functions in libraries", () => {
    const texts = ["export const f = async () => 1", "export async function f() {}", "export class A { async f() {} }"]
    for (const [index, lines] of lintSources(...texts).entries()) {
      assert.isTrue(lines.some((line) => line.startsWith("holdfast(no-async)")), texts[index])
    }
  })

  it("finds errors of the platform that are asked for their class, in libraries", () => {
    const [error, type, own, test] = lintPlanted(
      ["packages/core/src/Planted0.ts", "export const is = (x: unknown) => x instanceof Error"],
      ["packages/core/src/Planted1.ts", "export const is = (x: unknown) => x instanceof TypeError"],
      ["packages/core/src/Planted2.ts", "class E extends Error {}\nexport const is = (x: unknown) => x instanceof E"],
      ["packages/core/test/planted.ts", "export const is = (x: unknown) => x instanceof Error"]
    )
    for (const lines of [error, type]) assert.match(lines?.[0] ?? "", /^holdfast\(no-error-instance\)/)
    assert.deepStrictEqual([own, test], [[], []])
  })

  it("finds Effect's barrels, and lets its modules pass", () => {
    const [named, all, module] = lintSources(
      "import { Effect } from \"effect\"\nexport const one = Effect.succeed(1)",
      "export * from \"effect\"",
      "import * as Effect from \"effect/Effect\"\nexport const one = Effect.succeed(1)"
    )
    assert.match(named?.[0] ?? "", /^holdfast\(no-effect-barrel\)/)
    assert.match(all?.[0] ?? "", /^holdfast\(no-effect-barrel\)/)
    assert.deepStrictEqual(module, [])
  })

  it("finds comments and messages whose subject the reader must look for, and lets names pass", () => {
    const [comment, message, template, plain] = lintSources(
      "/**\n * One.\n * Nobody waits.\n */\nexport const one = 1",
      "export const message = \"nobody waits\"",
      "export const message = (id: number) => `${id}: somebody waits`",
      "/** Users who wait; `nobody`. */\nexport const nobody = \"nobody\""
    )
    for (const lines of [comment, message, template]) assert.match(lines?.[0] ?? "", /^holdfast\(plain-words\)/)
    assert.deepStrictEqual(plain, [])
  })

  it("finds any and focused tests, everywhere", () => {
    const [library, test, script, focused] = lintPlanted(
      ["packages/core/src/Planted.ts", "export const x: any = 1"],
      ["packages/core/test/planted.ts", "export const x: any = 1"],
      ["scripts/planted.ts", "export const x: any = 1"],
      ["packages/core/test/planted.test.ts", "import { it } from \"vitest\"\nit.only(\"alone\", () => {})"]
    )
    for (const lines of [library, test, script]) assert.match(lines?.[0] ?? "", /no-explicit-any/)
    assert.match(focused?.join() ?? "", /no-focused-tests/)
  })
})
