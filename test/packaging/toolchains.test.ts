import { assert, beforeAll, describe, it } from "@effect/vitest"
import type { Buffer } from "node:buffer"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inject, vi } from "vitest"
import { isAlive } from "./isAlive.ts"
import { run } from "./Tarballs.ts"

const { folder, tarballs } = inject("installation")

const bin = (name: string): string => Path.join(folder, "node_modules", name)

/** Every Node that a program runs on here. Only Linux has the oldest one in the installation. */
const nodes: ReadonlyArray<readonly [name: string, path: string]> = [
  ["this Node", process.execPath],
  ...(process.platform === "linux" ? [["the oldest Node", bin("node-oldest/bin/node")] as const] : [])
]

const version = tarballs.find(({ manifest }) => manifest.name === "@holdfast/mcp")?.manifest.version

const esbuild = (entry: string, ...flags: ReadonlyArray<string>): void =>
  void run(folder, bin("esbuild/bin/esbuild"), entry, "--bundle", "--platform=node", "--log-level=warning", ...flags)

describe("a bundle of a program with a server on stdio and one over HTTP", () => {
  const rolldown = (...flags: ReadonlyArray<string>): void =>
    void run(folder, process.execPath, bin("rolldown/bin/cli.mjs"), "client.ts", "--platform=node", ...flags)
  const bundles = ([["esm", "mjs"], ["cjs", "cjs"]] as const).flatMap(([format, end]) => [
    {
      name: `esbuild, ${format}`,
      file: `app/dist/esbuild/client.${end}`,
      make: (file: string) => esbuild("client.ts", `--format=${format}`, `--outfile=${file}`)
    },
    {
      name: `esbuild, ${format}, minified`,
      file: `app/dist/esbuild/client.min.${end}`,
      make: (file: string) => esbuild("client.ts", `--format=${format}`, "--minify", `--outfile=${file}`)
    },
    {
      name: `rolldown, ${format}`,
      file: `app/dist/rolldown-${format}/client.${end}`,
      make: (file: string) =>
        rolldown(`--format=${format}`, `--dir=${Path.dirname(file)}`, `--entry-file-names=client.${end}`)
    }
  ])

  beforeAll(() => {
    // The application's own version, two folders above the bundle: no server is to be told this one.
    Fs.mkdirSync(Path.join(folder, "app"))
    Fs.writeFileSync(Path.join(folder, "app/package.json"), JSON.stringify({ name: "app", version: "47.11.0" }))
    for (const { file, make } of bundles) make(file)
  })

  for (const { file, name } of bundles) {
    it(`calls both, says the version of @holdfast/mcp, and ends: ${name}`, () => {
      for (const [, node] of nodes) {
        assert.deepStrictEqual(JSON.parse(run(folder, node, file)), {
          answers: [["local__echo", "hello"], ["web__shout", "HELLO"]],
          failures: [],
          client: { name: "holdfast", version }
        })
      }
    })
  }

  it("that lacks the code for HTTP says so, and leaves the processor to others", () => {
    const file = "app/dist/unbundled.cjs"
    esbuild("unbundled.ts", "--format=cjs", "--external:#undici", `--outfile=${file}`)
    const { failure } = JSON.parse(run(folder, process.execPath, file)) as { failure: string }
    assert.match(failure, /^web: .*code for HTTP cannot be loaded: .*#undici/)
  })
})

describe("a bundle of a server", () => {
  it("serves on stdio, in ES modules and in CommonJS", () => {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1.0.0" } }
    const input = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`
    for (const [format, end] of [["esm", "mjs"], ["cjs", "cjs"]] as const) {
      const file = Path.join(folder, `app/dist/stdioHost.${end}`)
      esbuild("stdioHost.ts", `--format=${format}`, `--outfile=${file}`)
      const { status, stdout } = spawnSync(process.execPath, [file], { cwd: folder, input, encoding: "utf8" })
      assert.strictEqual(status, 0)
      assert.nestedPropertyVal(JSON.parse(stdout), "result.serverInfo.name", "bundled")
    }
  })

  it("serves over HTTP, in CommonJS, and in ES modules when it is given a require", () => {
    const banner =
      "import { createRequire as requireOf } from \"node:module\"; const require = requireOf(import.meta.url)"
    esbuild("httpHost.ts", "--format=cjs", "--outfile=app/dist/httpHost.cjs")
    esbuild("httpHost.ts", "--format=esm", `--banner:js=${banner}`, "--outfile=app/dist/httpHost.mjs")
    for (const end of ["cjs", "mjs"]) {
      assert.include(run(folder, process.execPath, `app/dist/httpHost.${end}`), "200\n")
    }
  })
})

describe("a program in CommonJS", () => {
  it("requires every module, and calls a server", () => {
    const specifiers = tarballs.flatMap(({ manifest, modules }) =>
      modules.map((module) => Path.posix.join(manifest.name, module))
    )
    for (const [, node] of nodes) {
      assert.strictEqual(run(folder, node, "required.cjs", ...specifiers), "hello\n")
    }
  })
})

describe("a thread", () => {
  it("that is terminated takes its servers with it, while the program goes on", async () => {
    for (const [, node] of nodes) {
      const program = spawn(node, ["threads.mjs"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] })
      const [server] = await once(program.stdout, "data") as [Buffer]
      assert.isTrue(isAlive(Number(server)))
      program.stdin.write("\n")
      const [said] = await once(program.stdout, "data") as [Buffer]
      assert.strictEqual(String(said), "terminated\n")
      await vi.waitFor(() => assert.isFalse(isAlive(Number(server))), { timeout: 120_000, interval: 5 })
      assert.isNull(program.exitCode)
      program.stdin.end()
      await once(program, "exit")
    }
  })
})

describe("Jest", () => {
  it("runs tests of a program with servers, in a realm of its own", () => {
    for (const [, node] of nodes) {
      const jest = [bin("jest/bin/jest.js"), "--config", "jest/jest.config.json", "--ci"]
      assert.doesNotThrow(() => run(folder, node, "--experimental-vm-modules", ...jest))
    }
  })
})

describe("TypeScript", () => {
  /** What the compiler has to say about the program. */
  const compile = (typescript: string, ...flags: ReadonlyArray<string>): string =>
    run(folder, process.execPath, bin(`${typescript}/bin/tsc`), "-p", "tsconfig.json", ...flags)

  it("type-checks a program of its user, the newest and the oldest, and every declaration that it reads", () => {
    assert.strictEqual(compile("typescript"), "")
    assert.strictEqual(compile("typescript-oldest"), "")
  })

  it("finds the modules as bundlers and as Node 16 resolve them", () => {
    const bundler = ["--module", "ESNext", "--moduleResolution", "Bundler", "--skipLibCheck"]
    assert.strictEqual(compile("typescript", ...bundler), "")
    const node16 = ["--module", "Node16", "--moduleResolution", "Node16", "--skipLibCheck"]
    assert.strictEqual(compile("typescript-oldest", ...node16), "")
  })
})

describe("a Node that is too old", () => {
  it.runIf(process.platform === "linux")("is told so by the holdfast command, in one sentence", () => {
    const main = bin("holdfast/dist/holdfast.cjs")
    const { status, stderr, stdout } = spawnSync(bin("node-too-old/bin/node"), [main, "--help"], { encoding: "utf8" })
    assert.strictEqual(stderr, "holdfast needs Node.js 22.19 or later, and this is 18.20.8\n")
    assert.deepStrictEqual([status, stdout], [69, ""])
  })
})
