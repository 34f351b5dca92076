import { assert, describe, it } from "@effect/vitest"
import type { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { inject, vi } from "vitest"
import { isAlive } from "./isAlive.ts"
import { installedVersions, root, run, type Tarball } from "./Tarballs.ts"

const installed = inject("installation")

/** The same question to every package; each answer is a problem. */
const problemsOf = (judge: (tarball: Tarball) => ReadonlyArray<string>): ReadonlyArray<string> =>
  installed.tarballs.flatMap((tarball) => judge(tarball).map((problem) => `${tarball.manifest.name}: ${problem}`))

describe("a packed package", () => {
  it("holds for every source its code, types, maps and the source itself, and a README and the license", () => {
    const problems = problemsOf(({ files, manifest, source }) => {
      const sources = Fs.globSync("src/**/*.ts", { cwd: Path.join(root, source) })
      const expected = [
        "package.json",
        "README.md",
        "LICENSE",
        ...(manifest.name === "@holdfast/mcp" ? ["dist/internal/undici.js"] : []),
        ...(manifest.name === "@holdfast/dashboard" ? ["dist/page/page.css", "dist/page/page.js"] : []),
        ...(manifest.name === "@holdfast/scan-server" ? ["RULES.md"] : []),
        ...(manifest.name === "holdfast"
          ? ["holdfast", "tools", "shim", "completion"].map((name) => `dist/${name}.cjs`)
          : []),
        ...sources,
        ...sources.flatMap((file) => {
          const output = file.replace(/^src/, "dist").replace(/\.ts$/, "")
          return [`${output}.js`, `${output}.js.map`, `${output}.d.ts`, `${output}.d.ts.map`]
        }),
        // Of modules that are public an entry for Node, and what these have in common: see scripts/build/bundleNode.ts.
        ...(["core", "process", "protocol", "mcp"].includes(Path.basename(source))
          ? [
            ...sources.filter((file) => Path.dirname(file) === "src").map((file) =>
              `dist/internal/node/${Path.basename(file, ".ts")}.js`
            ),
            ...files.filter((file) => file.startsWith("dist/internal/node/parts/"))
          ]
          : [])
      ]
      return [
        ...expected.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
        ...files.filter((file) => !expected.includes(file) && file !== "CHANGELOG.md").map((file) =>
          `${file} is too much`
        )
      ]
    })
    assert.deepStrictEqual(problems, [])
  })

  it("names real versions: no workspace or catalog protocol, its siblings at its own version, Effect as a peer range", () => {
    const problems = problemsOf(({ manifest }) => {
      const ranges = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })
      return [
        ...ranges.filter(([, range]) => range.includes(":")).map(([name, range]) => `${name} is ${range}`),
        ...ranges
          .filter(([name, range]) => name.startsWith("@holdfast/") && range !== manifest.version)
          .map(([name, range]) => `${name} is ${range}, not ${manifest.version}`),
        // Programs bring their own Effect.
        ...(!["holdfast", "@holdfast/scan-server"].includes(manifest.name) &&
            manifest.peerDependencies?.["effect"] !== ">=4.1.0 <4.2"
          ? ["effect is not a peer dependency of >=4.1.0 <4.2"]
          : [])
      ]
    })
    assert.deepStrictEqual(problems, [])
  })

  it("has source maps that lead to the sources beside them", () => {
    const problems = problemsOf(({ files, manifest }) =>
      files.filter((file) => file.endsWith(".map")).flatMap((file) => {
        const path = Path.join(installed.folder, "node_modules", manifest.name, file)
        // The source map format, version 3.
        const { sources } = JSON.parse(Fs.readFileSync(path, "utf8")) as { readonly sources: ReadonlyArray<string> }
        return sources
          .filter((source) => !Fs.existsSync(Path.resolve(Path.dirname(path), source)))
          .map((source) => `${file} leads to ${source}, which is not there`)
      })
    )
    assert.deepStrictEqual(problems, [])
  })

  it("satisfies publint", () => {
    const publint = Path.join(root, "node_modules/publint/src/cli.js")
    for (const { path } of installed.tarballs) {
      assert.include(run(root, process.execPath, publint, "run", path, "--strict"), "All good!")
    }
  })

  it("satisfies attw (are the types wrong?) in each of its modules, for ES modules", () => {
    const attw = Path.join(root, "node_modules/@arethetypeswrong/cli/dist/index.js")
    for (const { modules, path } of installed.tarballs) {
      const entrypoints = modules.map((module) => module === "" ? "." : module)
      const said = run(root, process.execPath, attw, path, "--profile", "esm-only", "--entrypoints", ...entrypoints)
      assert.include(said, "(ESM)")
    }
  })
})

describe("an installed package", () => {
  it("shares one copy of Effect with its user", () => {
    const copies = Fs.globSync("node_modules/{,**/node_modules/}effect/package.json", { cwd: installed.folder })
    assert.deepStrictEqual(copies, ["node_modules/effect/package.json"])
  })

  it("loads in plain Node, each of its modules", () => {
    const specifiers = installed.tarballs.flatMap(({ manifest, modules }) =>
      modules.map((module) => Path.posix.join(manifest.name, module))
    )
    const program = `for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier)
      console.log("loaded")`
    assert.isAbove(specifiers.length, 20)
    assert.strictEqual(run(installed.folder, process.execPath, "--input-type=module", "-e", program), "loaded\n")
  })

  it("loads for promises few files of ours, and nothing of the SDK, zod, undici or SQLite", () => {
    const loaded = (specifier: string): ReadonlyArray<string> => {
      const program = `
        import { registerHooks } from "node:module"
        const loaded = []
        registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
        await import("${specifier}")
        console.log(loaded.join("\\n"))`
      return run(installed.folder, process.execPath, "--input-type=module", "-e", program).trim().split("\n")
    }
    const urls = loaded("@holdfast/mcp/promise")
    assert.deepStrictEqual(
      urls.filter((url) => /@modelcontextprotocol|zod|undici|jsonc-parser|node:sqlite/.test(url)),
      []
    )
    // One of each package, and what programs load alone that are to start fast.
    assert.isBelow(urls.filter((url) => url.includes("/@holdfast/")).length, 40)
    // The least is paid for the least: what loads no Effect as a source loads none as a file for Node.
    assert.deepStrictEqual(loaded("@holdfast/protocol/LineFraming").filter((url) => url.includes("/effect/")), [])
  })

  // A library of 349 files is what Node loads for 300 ms: d3/d3#3550. One file whose parts import each other in a circle has values that are not
  // there yet when they are read: rolldown/rolldown#7449, rolldown/rolldown#9225.
  it("has for Node files that import each other in no circle, and export what the modules do", () => {
    const problems = problemsOf(({ manifest }) => {
      const folder = Path.join(installed.folder, "node_modules", manifest.name, "dist/internal/node")
      const importsOf = (file: string): ReadonlyArray<string> =>
        [...Fs.readFileSync(file, "utf8").matchAll(/^(?:import|export)\b[^"';]*?["'](\.[^"']+)["']/gm)].map((
          [, to = ""]
        ) => Path.resolve(Path.dirname(file), to))
      const circleFrom = (file: string, path: ReadonlyArray<string>): ReadonlyArray<string> =>
        path.includes(file)
          ? [[...path, file].map((part) => Path.relative(folder, part)).join(" > ")]
          : importsOf(file).flatMap((to) => circleFrom(to, [...path, file]))
      const files = Fs.globSync("**/*.js", { cwd: folder }).map((file) => Path.join(folder, file))
      const entries = Fs.globSync("*.js", { cwd: folder })
      const program = `for (const name of ${JSON.stringify(entries)}) {
        const [forNode, module] = await Promise.all(["internal/node/", ""].map((place) =>
          import(${JSON.stringify(Path.resolve(folder, "../.."))} + "/" + place + name)))
        if (Object.keys(forNode).join() !== Object.keys(module).join()) console.log(name + " exports something else")
      }`
      const other = entries.length === 0
        ? ""
        : run(installed.folder, process.execPath, "--input-type=module", "-e", program)
      return [...files.flatMap((file) => circleFrom(file, [])), ...other.split("\n").filter((line) => line !== "")]
    })
    assert.deepStrictEqual(problems, [])
  })

  // Two files of one class, by the condition that led to each, are two classes to `instanceof`: yjs/yjs#438, bufbuild/protobuf-es#713.
  it("has every class once, whichever of its modules it is imported from", () => {
    const program = `
      const all = await Promise.all(["@holdfast/mcp/promise", "@holdfast/mcp", "@holdfast/mcp/McpRuntimeError"].map((name) => import(name)))
      const classes = all.map(({ McpRuntimeError }) => McpRuntimeError)
      console.log(new Set(classes).size, typeof classes[0], classes[0].name)`
    assert.strictEqual(
      run(installed.folder, process.execPath, "--input-type=module", "-e", program),
      "1 function McpRuntimeError\n"
    )
  })

  it("of jobs runs them without a server, the SDK, zod and a client of Postgres", ({ onTestFinished }) => {
    // Beside the other installation, whose packages are not to be found from here.
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "only-jobs-"))
    onTestFinished(() => Fs.rmSync(folder, { recursive: true, force: true }))
    const dependencies = Object.fromEntries(
      installed.tarballs
        .filter(({ manifest }) => ["@holdfast/jobs", "@holdfast/protocol"].includes(manifest.name))
        .map(({ manifest, path }) => [manifest.name, `file:${path}`])
    )
    Fs.writeFileSync(
      Path.join(folder, "package.json"),
      JSON.stringify({
        private: true,
        type: "module",
        dependencies: { ...dependencies, ...installedVersions("effect", "test/@effect/platform-node") }
      })
    )
    const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline"]
    run(folder, "npm", "install", ...flags)
    for (const absent of ["@holdfast/server", "@modelcontextprotocol/sdk", "zod", "@effect/sql-pg"]) {
      assert.isFalse(Fs.existsSync(Path.join(folder, "node_modules", absent)), absent)
    }
    const program = `
      import { Job, Jobs, MemoryStore, Runner } from "@holdfast/jobs"
      import * as PostgresStore from "@holdfast/jobs/PostgresStore"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      import * as Schema from "effect/Schema"
      import * as Stream from "effect/Stream"
      const Twice = Job.make("twice", { version: 1, payload: { of: Schema.Int }, success: Schema.Int })
      const live = Runner.toLayer(Twice, ({ of }) => Effect.succeed(2 * of)).pipe(Layer.provide(MemoryStore.layer))
      const result = await Effect.runPromise(Effect.gen(function*() {
        const jobs = yield* Jobs
        const id = yield* jobs.start(Twice, { of: 21 })
        yield* Stream.runDrain(jobs.progress(id))
        return yield* jobs.result(Twice, id)
      }).pipe(Effect.provide(live)))
      const { message } = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(PostgresStore.layer({})))))
      console.log(JSON.stringify({ result, message }))`
    const said = run(folder, process.execPath, "--input-type=module", "-e", program)
    const { message, result } = JSON.parse(said) as { readonly message: string; readonly result: number }
    assert.strictEqual(result, 42)
    assert.include(message, "install the package @effect/sql-pg")
  })

  it("keeps its internals to itself", () => {
    const program = `try { await import("@holdfast/core/internal/machine") } catch (error) { console.log(error.code) }`
    const said = run(installed.folder, process.execPath, "--input-type=module", "-e", program)
    assert.strictEqual(said, "ERR_PACKAGE_PATH_NOT_EXPORTED\n")
  })

  it("calls a real server from a program of its user", () => {
    const said = run(installed.folder, process.execPath, "main.ts")
    assert.deepStrictEqual(JSON.parse(said), {
      pooled: ["db-1 greets Ada", "db-1 greets Grace"],
      dials: 1,
      tools: ["echo"],
      answer: "hello from outside"
    })
  })

  it("brings the holdfast command", () => {
    const command = installed.tarballs.find(({ manifest }) => manifest.name === "holdfast")
    assert.isDefined(command?.manifest.bin?.["holdfast"])
    const bin = Path.join(installed.folder, "node_modules/.bin/holdfast")
    assert.include(run(installed.folder, bin, "--help"), "holdfast")
    assert.include(run(installed.folder, bin, "tools", "echo", "--config", "mcp.json", "--json"), "\"echo\"")
  })

  it("shows the daemon as a page, all of whose files are there", async ({ onTestFinished }) => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "dashboard-"))
    const bin = Path.join(installed.folder, "node_modules/.bin/holdfast")
    const env = { ...process.env, XDG_STATE_HOME: folder, XDG_RUNTIME_DIR: "" }
    const child = spawn(bin, ["dashboard", "--no-open", "--json"], { env, stdio: ["ignore", "pipe", "inherit"] })
    onTestFinished(async () => {
      child.kill("SIGINT")
      if (child.exitCode === null) await once(child, "close")
      Fs.rmSync(folder, { recursive: true, force: true })
    })
    const [line]: ReadonlyArray<Buffer> = await once(child.stdout, "data")
    const { port }: { readonly port: number } = JSON.parse(String(line))
    for (const [file, type] of [["", "text/html"], ["page.js", "text/javascript"], ["page.css", "text/css"]] as const) {
      const answer = await fetch(`http://127.0.0.1:${port}/${file}`)
      assert.deepStrictEqual([file, answer.status], [file, 200])
      assert.include(answer.headers.get("content-type"), type)
      // The licenses of what is bundled are part of it.
      if (file === "page.js") assert.match(await answer.text(), /Jason Miller[^]*Leon Sorokin/)
    }
  })

  it("brings the scan server, whose threads are there too", () => {
    const bin = Path.join(installed.folder, "node_modules/.bin/holdfast-scan-server")
    const config = Path.join(installed.folder, "scan.json")
    const args = ["--stdio", "--root", ".", "--database", "scans.db"]
    Fs.writeFileSync(config, JSON.stringify({ mcpServers: { scan: { command: bin, args } } }))
    const holdfast = (...words: ReadonlyArray<string>) =>
      run(
        installed.folder,
        Path.join(installed.folder, "node_modules/.bin/holdfast"),
        ...words,
        "--config",
        config,
        "--json"
      )
    const started = holdfast("call", "scan", "run_scan", "path=node_modules/@holdfast/core")
    const [id] = /[0-9a-f]{8}-[0-9a-f-]{27}|scan-[\w-]+/.exec(started) ?? []
    assert.isDefined(id)
    const isGoingOn = () =>
      /queued|running/.test(holdfast("call", "scan", "get_scan_progress", `id=${id}`, "wait_seconds=20"))
    while (isGoingOn()) continue
    assert.match(holdfast("call", "scan", "get_scan_results", `id=${id}`), /files\W+\d{2}/)
  })

  it("ends its servers also as part of a bundle, in a folder that cannot be written, when it is killed", async () => {
    const folder = Path.join(installed.folder, "shipped")
    const bundle = Path.join(folder, "host.mjs")
    const esbuild = Path.join(installed.folder, "node_modules/esbuild/bin/esbuild")
    const flags = ["--bundle", "--platform=node", "--format=esm", "--minify", `--outfile=${bundle}`]
    run(installed.folder, esbuild, "bundled.ts", ...flags)
    Fs.chmodSync(folder, 0o500)
    const host = spawn(process.execPath, [bundle], { cwd: "/", stdio: ["ignore", "pipe", "inherit"] })
    const [said] = await once(host.stdout, "data") as [Buffer]
    const { server } = JSON.parse(String(said)) as { readonly server: number }
    assert.isTrue(isAlive(server))
    host.kill("SIGKILL")
    await once(host, "exit")
    await vi.waitFor(() => assert.isFalse(isAlive(server)), { timeout: 120_000, interval: 5 })
  })
})
