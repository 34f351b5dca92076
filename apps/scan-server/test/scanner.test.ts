/** Scans of real trees, in real threads. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { inOrder } from "../src/Finding.ts"
import * as Scanner from "../src/Scanner.ts"
import * as ScanReport from "../src/ScanReport.ts"
import * as ScanRules from "../src/ScanRules.ts"
import { git } from "./support/git.ts"
import { npmToken as secret } from "./support/matching.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const scanning = (
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<Scanner.ScannerOptions> = {}
) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const root = path.join(folder, "tree")
    plant(root, files)
    const scanner = yield* Scanner.make({ roots: [root], rules: ScanRules.builtIn, threads: 1, ...options })
    const planned = Effect.flatMap(scanner.resolve("."), (real) =>
      Effect.map(scanner.plan(real), (plan) => ({ real, ...plan })))
    const scan = ({ batches, notRead, real }: Effect.Success<typeof planned>) =>
      Effect.map(
        Effect.forEach(batches, (batch) =>
          scanner.scan(real, batch), { concurrency: scanner.threads }),
        (results) => ({
          ...ScanReport.make(real, notRead, results, new Set()),
          paths: batches.flatMap(({ paths }) => paths)
        })
      )
    return { folder, root, scanner, planned, scan, whole: Effect.flatMap(planned, scan) }
  })

const live = (name: string, test: () => Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>) =>
  it.live(name, () => Effect.provide(test(), NodeServices.layer))

const places = (findings: ReadonlyArray<{ readonly path: string; readonly line: number; readonly column: number }>) =>
  findings.map(({ column, line, path }) => `${path}:${line}:${column}`)

const canMake = (folder: Buffer): boolean => {
  try {
    fs.mkdirSync(folder)
    return true
  } catch {
    return false
  }
}

describe("a scan", () => {
  live("reads what git would keep, in order, and leaves out the rest", () =>
    Effect.gen(function*() {
      const { whole } = yield* scanning({
        ".gitignore": "/dist\n*.log\n!keep.log\n",
        ".git/config": secret,
        "dist/out.js": secret,
        "a.log": secret,
        "keep.log": secret,
        "src/.gitignore": "generated/\n/top.ts\n",
        "src/generated/x.ts": secret,
        "src/top.ts": secret,
        "src/in/top.ts": "nothing\n",
        "src/b.ts": `const token = "${secret}"\n`,
        "src/a.ts": "nothing\n",
        "logo.png": new Uint8Array([0, 1, 2, ...Buffer.from(secret)]),
        "zeros.bin": Buffer.concat([Buffer.alloc(4096), Buffer.from(secret)])
      })
      const { files, findings, isComplete, paths, skipped } = yield* whole
      assert.deepStrictEqual(paths, [
        ...[".gitignore", "keep.log", "logo.png", "src/.gitignore", "src/a.ts", "src/b.ts", "src/in/top.ts"],
        "zeros.bin"
      ])
      assert.deepStrictEqual(places(findings), ["keep.log:1:1", "src/b.ts:1:16"])
      // A picture is no text, and nothing that should have been read.
      assert.deepStrictEqual({ files, skipped, isComplete }, { files: 6, skipped: 2, isComplete: true })
    }))

  live("reads what `.gitignore` leaves out if its name tells of secrets", () =>
    Effect.gen(function*() {
      const ignored = [
        ".env",
        ".env.local",
        "certs/server.pem",
        "id_rsa",
        "infra/prod.tfvars",
        "out/.npmrc",
        "secrets.yml"
      ]
      const { whole } = yield* scanning({
        ".gitignore": ".env*\n*.pem\nid_rsa\n*.tfvars\nsecrets.yml\nout/\nnode_modules/\n",
        ...Object.fromEntries(ignored.map((name) => [name, secret])),
        "out/bundle.js": secret,
        // Of what others have published nothing is looked into.
        "node_modules/x/.env": secret
      })
      assert.deepStrictEqual((yield* whole).findings.map(({ path }) => path), ignored)
    }))

  live("reads what was added to git by force, whatever version its index has", () =>
    Effect.gen(function*() {
      // Such a name is cut off by more than a byte can say.
      const long = `build/${"d".repeat(200)}/a.js`
      const versions = [2, 3, 4]
      const files = {
        ".gitignore": "build/\nvendor/\n*.gen\n",
        [long]: secret,
        "build/b.js": secret,
        "build/kept/a.js": secret,
        "kept.gen": secret,
        "other.gen": secret,
        // Of an installed package, which is not looked into otherwise.
        "vendor/own/deep/c.js": secret,
        "vendor/other/d.js": secret
      }
      const kept = [long, "build/kept/a.js", "kept.gen", "vendor/own/deep/c.js"]
      const { root, whole } = yield* scanning(Object.fromEntries(versions.flatMap((version) =>
        Object.entries(files).map(([name, text]) => [`${version}/${name}`, text])
      )))
      for (const version of versions) {
        const repository = path.join(root, String(version))
        git(repository, "init", "-q")
        git(repository, "add", "-f", ...kept.slice(0, 3))
        // A file that is only intended to be added takes an entry of the third version.
        git(repository, "add", "-f", ...version === 2 ? [] : ["-N"], ...kept.slice(3))
        git(repository, "update-index", "--index-version", String(version))
        assert.strictEqual(fs.readFileSync(path.join(repository, ".git/index")).readUInt32BE(4), version)
      }
      assert.deepStrictEqual(
        (yield* whole).findings.map(({ path }) =>
          path
        ),
        versions.flatMap((version) => kept.map((name) => `${version}/${name}`))
      )
    }))

  live("takes an index of git that it does not understand for none", () =>
    Effect.gen(function*() {
      const number = (value: number) => `\0\0\0${String.fromCharCode(value)}`
      const indices = [
        "DIRC",
        `NONE${number(2)}${number(1)}`,
        `DIRC${number(9)}${number(1)}`,
        `DIRC${number(2)}${number(1)}`
      ]
      const { whole } = yield* scanning(Object.fromEntries(indices.flatMap((index, at) => [
        [`${at}/.git/index`, index],
        [`${at}/.gitignore`, "b.ts\n"],
        [`${at}/a.ts`, secret],
        [`${at}/b.ts`, secret]
      ])))
      const { findings, isComplete } = yield* whole
      assert.deepStrictEqual(findings.map(({ path }) => path), indices.map((_, at) => `${at}/a.ts`))
      assert.isTrue(isComplete)
    }))

  live("is planned in batches of 250 files or 8 MiB at most", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 251 }, (_, index) => [`many/${1000 + index}.ts`, "a"] as const)
      const { planned, root } = yield* scanning({ ...Object.fromEntries(many), "a.bin": "", "b.bin": "", "c.bin": "" })
      const mebibyte = 1024 * 1024
      for (const name of ["a", "b", "c"]) fs.truncateSync(path.join(root, `${name}.bin`), 4 * mebibyte)
      const { batches } = yield* planned
      assert.deepStrictEqual(batches.map(({ bytes, paths }) => [paths.length, bytes]), [
        [2, 8 * mebibyte],
        [250, 4 * mebibyte + 249],
        [2, 2]
      ])
      assert.deepStrictEqual(batches.flatMap(({ paths }) => paths), [
        ...["a.bin", "b.bin", "c.bin"],
        ...many.map(([name]) => name)
      ])
    }))

  live("whose thread can not start lists each file with the reason", () =>
    Effect.gen(function*() {
      const broken = { id: "x", name: "X", severity: "low", path: "(", keywords: [] } as const
      const { scanner } = yield* scanning({ "a.ts": secret, "b.ts": secret }, { rules: { rules: [broken], allow: [] } })
      const real = yield* scanner.resolve(".")
      const { files, notRead } = yield* scanner.scan(real, { paths: ["a.ts", "b.ts"], bytes: 0 })
      assert.deepStrictEqual([files, notRead.map(({ path }) => path)], [0, ["a.ts", "b.ts"]])
      for (const { reason } of notRead) assert.include(reason, "missing closing )")
    }))

  live("stays within its roots, whatever is asked for and wherever links lead", () =>
    Effect.gen(function*() {
      const { folder, root, scanner, whole } = yield* scanning({ "in/a.ts": "fine" })
      plant(folder, { "outside/b.ts": secret, "tree2/c.ts": secret })
      fs.symlinkSync(path.join(folder, "outside"), path.join(root, "link"))
      fs.symlinkSync(path.join(folder, "outside/b.ts"), path.join(root, "file.ts"))
      for (const asked of ["..", "link", "../tree2", `${root}2`, "/", "in/../../outside", "in/a.ts", "missing"]) {
        const error = yield* Effect.flip(scanner.resolve(asked))
        assert.strictEqual(error._tag, "RootNotAllowed", asked)
        assert.include(error.message, `${asked} is not a folder under ${root}`)
      }
      assert.strictEqual(yield* scanner.resolve("in"), path.join(root, "in"))
      assert.deepStrictEqual((yield* whole).paths, ["in/a.ts"])
    }))

  live("stays within its root, whatever is swapped for a link after it was listed", () =>
    Effect.gen(function*() {
      const { folder, planned, root, scan } = yield* scanning({
        "deep/in/a.txt": "fine",
        "b.txt": "fine",
        "gone.txt": "fine",
        "kept.txt": secret
      })
      plant(folder, { "outside/in/a.txt": secret, "outside/b.txt": secret })
      const plan = yield* planned
      fs.renameSync(path.join(root, "deep"), path.join(folder, "away"))
      fs.symlinkSync(path.join(folder, "outside"), path.join(root, "deep"))
      fs.rmSync(path.join(root, "b.txt"))
      fs.symlinkSync(path.join(folder, "outside/b.txt"), path.join(root, "b.txt"))
      fs.rmSync(path.join(root, "gone.txt"))
      const { findings, isComplete, notRead } = yield* scan(plan)
      assert.deepStrictEqual(findings.map((one) => one.path), ["kept.txt"])
      assert.isFalse(isComplete)
      assert.deepStrictEqual(notRead, [
        { path: "b.txt", reason: "it is a link now" },
        { path: "deep/in/a.txt", reason: "it leads out of the root: something was swapped for a link" },
        { path: "gone.txt", reason: "it is gone" }
      ])
    }))

  live("stays within its root when the root itself is swapped for a link", () =>
    Effect.gen(function*() {
      const { folder, planned, root, scan, scanner } = yield* scanning({ "a.txt": "fine" })
      plant(folder, { "outside/a.txt": secret })
      const plan = yield* planned
      fs.renameSync(root, path.join(folder, "away"))
      fs.symlinkSync(path.join(folder, "outside"), root)
      assert.deepStrictEqual((yield* scan(plan)).findings, [])
      assert.deepStrictEqual((yield* scanner.plan(plan.real)).batches, [])
    }))

  live("finds what lies across the parts that a large file is read in", () =>
    Effect.gen(function*() {
      const parts = Array.from({ length: 6 }, (_, i) => `${"x".repeat(256 * 1024 - 20 + i * 7)}\n${secret}\n`)
      const line = `${"z ".repeat(5_000_000)}${secret}`
      const { whole } = yield* scanning({ "big.txt": parts.join(""), "line.txt": line })
      const { findings } = yield* whole
      assert.deepStrictEqual(places(findings), [
        ...[2, 4, 6, 8, 10, 12].map((number) => `big.txt:${number}:1`),
        "line.txt:1:10000001"
      ])
    }))

  live("reads UTF-16, with a mark and without, and counts no mark into a column", () =>
    Effect.gen(function*() {
      const text = `größer\r\nkey = ${secret}\r\n`
      const little = Buffer.from(text, "utf16le")
      const marked = Buffer.from(`\ufeff${text}`, "utf16le")
      // Hardly a byte of it is zero: only its mark tells.
      const chinese = Buffer.from(`\ufeff${"密".repeat(300)}\n${secret}`, "utf16le")
      const { whole } = yield* scanning({
        "be.txt": Buffer.from(marked).swap16(),
        "chinese-be.txt": Buffer.from(chinese).swap16(),
        "chinese-le.txt": chinese,
        "le.txt": marked,
        "plain-be.txt": Buffer.from(little).swap16(),
        "plain-le.txt": little,
        "utf8.txt": `\ufeff${secret}`
      })
      const { findings, skipped } = yield* whole
      assert.deepStrictEqual(places(findings), [
        ...["be:2:7", "chinese-be:2:1", "chinese-le:2:1", "le:2:7", "plain-be:2:7", "plain-le:2:7", "utf8:1:1"]
          .map((place) => place.replace(":", ".txt:"))
      ])
      assert.strictEqual(skipped, 0)
    }))

  live("lists what it could not read with the reason, and is not complete", () =>
    Effect.gen(function*() {
      const { root, whole } = yield* scanning({ "locked/a.ts": secret, "pipe/x": "", "z.ts": secret })
      fs.chmodSync(path.join(root, "locked"), 0)
      const isRoot = process.getuid?.() === 0
      const { findings, isComplete, notRead, notReadTotal, skipped } = yield* Effect.ensuring(
        whole,
        Effect.sync(() => fs.chmodSync(path.join(root, "locked"), 0o755))
      )
      // The superuser may read everything.
      const expected = isRoot ? [] : [{ path: "locked", reason: "no permission" }]
      assert.deepStrictEqual(notRead, expected)
      assert.deepStrictEqual([isComplete, notReadTotal, skipped], [isRoot, expected.length, expected.length])
      assert.include(findings.map(({ path }) => path), "z.ts")
    }))

  live("reads files whose names are no UTF-8, and shows their bytes", () =>
    Effect.gen(function*() {
      const { root, whole } = yield* scanning({ "a.txt": "fine" })
      const bytes = (...parts: ReadonlyArray<string | number>) =>
        Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part) : Buffer.from([part])))
      // A disk that has no such names has no such files.
      if (!canMake(bytes(root, "/ä", 0xff))) return
      fs.writeFileSync(bytes(root, "/ä", 0xff, "/", 0xe9, "😀.txt"), secret)
      fs.writeFileSync(bytes(root, "/new\nline"), secret)
      const { findings, isComplete } = yield* whole
      assert.deepStrictEqual(places(findings), ["new\nline:1:1", "ä\\xFF/\\xE9😀.txt:1:1"])
      assert.isTrue(isComplete)
    }))

  live(
    "leaves out a file over a part of which a pattern takes too long, says so, and goes on with the others",
    () =>
      Effect.gen(function*() {
        // Linear, and slow all the same: of these letters each place is the beginning of what may match. It takes ten times the limit.
        const slow = {
          id: "slow",
          name: "Slow",
          severity: "low",
          pattern: "a[ab]{900}[^ab]",
          keywords: [],
          multiline: true
        } as const
        let seed = 1
        const letters = Array.from({ length: 250_000 }, () => {
          seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
          return (seed >> 16) % 2 === 0 ? "a" : "b"
        })
        const { whole } = yield* scanning({ "1.ts": secret, "2.ts": letters.join(""), "3.ts": secret }, {
          rules: { ...ScanRules.builtIn, rules: [...ScanRules.builtIn.rules, slow] },
          partTimeout: "1 second"
        })
        const { files, findings, isComplete, notRead } = yield* whole
        assert.deepStrictEqual(findings.map((one) => one.path), ["1.ts", "3.ts"])
        assert.deepStrictEqual(notRead, [{ path: "2.ts", reason: "a part of it took more than 1s of the processor" }])
        assert.deepStrictEqual([files, isComplete], [2, false])
      })
  )

  live("of a tree with a folder that takes too long to list ends, and says so", () =>
    Effect.gen(function*() {
      // Each name is held against each pattern. It takes more than twenty times the limit.
      const patterns = Array.from({ length: 50_000 }, (_, index) => `*x${index}y*.log`).join("\n")
      const names = Array.from({ length: 20 }, (_, index) => [`${index}.log`, ""] as const)
      const { whole } = yield* scanning({ ".gitignore": patterns, ...Object.fromEntries(names) }, {
        partTimeout: "100 millis"
      })
      const { isComplete, notRead } = yield* whole
      assert.deepStrictEqual(notRead.map(({ path }) => path), ["."])
      assert.include(notRead[0]?.reason, "cannot be listed: a part of it took more than 100ms of the processor")
      assert.isFalse(isComplete)
    }))

  live("of many batches leaves nothing behind in its thread", () =>
    Effect.gen(function*() {
      const { scanner } = yield* scanning({ "a.ts": secret })
      const real = yield* scanner.resolve(".")
      const warnings: Array<Error> = []
      const warn = (warning: Error) => void warnings.push(warning)
      process.on("warning", warn)
      // Node warns of the eleventh listener.
      for (let i = 0; i < 12; i++) yield* scanner.scan(real, { paths: ["a.ts"], bytes: 0 })
      process.off("warning", warn)
      assert.deepStrictEqual(warnings, [])
    }))

  live("that is interrupted leaves its threads to the next one", () =>
    Effect.gen(function*() {
      const { scanner, whole } = yield* scanning({ "a.ts": secret })
      const real = yield* scanner.resolve(".")
      for (let i = 0; i < 3; i++) {
        const batch = { paths: Array.from({ length: 50 }, () => "a.ts"), bytes: 0 }
        const running = yield* Effect.forkChild(scanner.scan(real, batch), { startImmediately: true })
        yield* Effect.yieldNow
        yield* Fiber.interrupt(running)
      }
      assert.lengthOf((yield* whole).findings, 1)
    }))
})

describe("a history", () => {
  live("tells what any commit has added, once, with the commit it came in by", () =>
    Effect.gen(function*() {
      const quoted = "sub/\"q\"\t\\.txt"
      const { root, scanner, whole } = yield* scanning({
        "a b.txt": `one\n${secret}\n`,
        "sub/ü.txt": "fine\n",
        "sub/long.txt": `${"z ".repeat(100_000)}${secret} ${"z ".repeat(100_000)}\nend\n`,
        [quoted]: secret
      })
      git(root, "init", "-q")
      git(root, "add", ".")
      git(root, "commit", "-qm", "first")
      const first = git(root, "rev-parse", "HEAD").trim()
      plant(root, { "a b.txt": `zero\none\n${secret}\n`, "sub/ü.txt": `++ a\n-- b\nkey: ${secret}` })
      git(root, "commit", "-qam", "second")
      const second = git(root, "rev-parse", "HEAD").trim()
      plant(root, { "a b.txt": "clean\n", "sub/ü.txt": "clean\n", "sub/long.txt": "clean\n", [quoted]: "clean\n" })
      git(root, "commit", "-qam", "third")
      plant(root, { "a b.txt": `\n\n\n${secret}\n` })
      git(root, "commit", "-qam", "again")
      plant(root, { "a b.txt": "clean\n" })
      git(root, "commit", "-qam", "fifth")
      assert.deepStrictEqual((yield* whole).findings, [])
      const { findings, notRead } = yield* scanner.history(root)
      assert.deepStrictEqual(notRead, [])
      assert.deepStrictEqual(
        inOrder(findings).map(({ column, commit, line, path }) => [path, line, column, commit]),
        [["a b.txt", 2, 1, first], [quoted, 1, 1, first], ["sub/long.txt", 1, 200_001, first], [
          "sub/ü.txt",
          3,
          6,
          second
        ]]
      )
      // Of a folder only what is under it is told, relative to it.
      const below = yield* scanner.history(path.join(root, "sub"))
      assert.sameMembers(below.findings.map(({ path }) => path), [quoted.slice(4), "long.txt", "ü.txt"])
    }))

  live("runs no program that the repository names", () =>
    Effect.gen(function*() {
      const { folder, root, scanner } = yield* scanning({
        "a.txt": `${secret}\n`,
        ".gitattributes": "*.txt diff=own\n"
      })
      git(root, "init", "-q")
      git(root, "add", ".")
      git(root, "commit", "-qm", "first")
      const trace = path.join(folder, "ran")
      const program = path.join(folder, "program.sh")
      fs.writeFileSync(program, `#!/bin/sh\necho "$0 $@" >> ${trace}\ncat "$1" 2>/dev/null\n`, { mode: 0o755 })
      for (
        const name of [
          "diff.external",
          "diff.own.command",
          "diff.own.textconv",
          "core.fsmonitor",
          "core.pager",
          "gpg.program"
        ]
      ) {
        git(root, "config", name, program)
      }
      git(root, "config", "log.showSignature", "true")
      git(root, "config", "diff.noprefix", "true")
      assert.deepStrictEqual((yield* scanner.history(root)).findings.map(({ path }) => path), ["a.txt"])
      assert.isFalse(fs.existsSync(trace))
    }))

  live("that cannot be read is told of", () =>
    Effect.gen(function*() {
      const { root, scanner } = yield* scanning({ "a.txt": "fine" })
      const { notRead } = yield* scanner.history(root)
      assert.strictEqual(notRead[0]?.path, ".git")
      assert.include(notRead[0]?.reason, "not a git repository")
    }))

  live("that cannot be read is told of, also if git says nothing", () =>
    Effect.gen(function*() {
      const { folder, scanner } = yield* scanning({ "a.txt": "fine" })
      const before = process.env["PATH"]
      plant(folder, { "bin/git": "#!/bin/sh\nexit 3\n" })
      fs.chmodSync(path.join(folder, "bin/git"), 0o755)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.env["PATH"] = path.join(folder, "bin")),
        () => Effect.sync(() => process.env["PATH"] = before)
      )
      const { notRead } = yield* scanner.history(folder)
      assert.deepStrictEqual(notRead, [{ path: ".git", reason: "its history cannot be read: git ended with 3" }])
    }))
})
