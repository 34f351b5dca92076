import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"
import * as Ledger from "../src/internal/Ledger.ts"
import * as Bystander from "./support/Bystander.ts"
import * as TemporaryFolder from "./support/TemporaryFolder.ts"

const make = Effect.gen(function*() {
  const root = yield* TemporaryFolder.make
  const directory = path.join(root, "ledgers")
  const faults: Array<string> = []
  const living: Array<string> = []
  const runtime = Bystander.runtimeId()
  const open = (where: string = directory) =>
    Ledger.open({ directory: where, runtime, lines: () => living, onFault: (why) => void faults.push(why) })
  const account = () => Ledger.readAll(directory).accounts[0]
  return { root, directory, faults, living, runtime, open, account }
})

describe("the ledger", () => {
  it.effect("says whose it is, who lives and who is expected, for this user's eyes only", () =>
    Effect.gen(function*() {
      const { account, directory, faults, living, open, runtime } = yield* make
      living.push("add 1 100 7 kill")
      const ledger = open()
      for (
        const line of ["add 1 100 7 kill", "expect 2", "add 2 200 8 group", "expect 3", "expect 4", "del 4", "del 1"]
      ) {
        ledger?.append(line)
      }
      const read = account()
      assert.strictEqual(read?.runtime, runtime)
      assert.deepStrictEqual(read?.owner, Ledger.owner())
      assert.strictEqual(read?.owner.pid, process.pid)
      assert.deepStrictEqual([...read?.registered ?? []], [[2, { group: 200, start: "8", policy: "group" }]])
      assert.deepStrictEqual([...read?.expected ?? []], [3])
      assert.strictEqual(fs.statSync(directory).mode & 0o777, 0o700)
      assert.strictEqual(fs.statSync(path.join(directory, runtime)).mode & 0o777, 0o600)
      assert.deepStrictEqual(faults, [])
    }))

  it.effect("is written anew with who lives when it has grown by a thousand lines", () =>
    Effect.gen(function*() {
      const { account, living, open } = yield* make
      living.push("add 1 100 7 kill", "expect 5000")
      const ledger = open()
      ledger?.append("add 1 100 7 kill")
      let longest = 0
      for (let number = 2; number < 2000; number++) {
        ledger?.append(`expect ${number}`)
        ledger?.append(`del ${number}`)
        longest = Math.max(longest, fs.readFileSync(ledger?.file ?? "", "utf8").split("\n").length)
      }
      assert.isBelow(longest, 1010)
      assert.deepStrictEqual([...account()?.registered.keys() ?? []], [1])
    }))

  it.effect("is no file, and its directory no directory, while nobody lives", () =>
    Effect.gen(function*() {
      const { account, directory, living, open } = yield* make
      const ledger = open()
      assert.isFalse(fs.existsSync(directory))
      for (let round = 1; round <= 3; round++) {
        living.push(`expect ${round}`)
        ledger?.append(`expect ${round}`)
        assert.deepStrictEqual([...account()?.expected ?? []], [round])
        living.pop()
        ledger?.clear()
        assert.isFalse(fs.existsSync(directory))
      }
    }))

  it.effect("comes back complete when a cleaner of temporary files has taken it away", () =>
    Effect.gen(function*() {
      const { account, directory, faults, living, open } = yield* make
      const ledger = open()
      living.push("expect 1")
      ledger?.append("expect 1")
      fs.rmSync(directory, { recursive: true })
      living.push("expect 2")
      ledger?.append("expect 2")
      assert.deepStrictEqual([...account()?.expected ?? []], [1, 2])
      assert.deepStrictEqual(faults, [])
    }))

  it.effect("is not kept in a directory of another user, behind a symbolic link, or open to others", () =>
    Effect.gen(function*() {
      const { faults, open, root } = yield* make
      const own = path.join(root, "own")
      fs.mkdirSync(own, { mode: 0o700 })
      const link = path.join(root, "link")
      fs.symlinkSync(own, link)
      const loose = path.join(root, "loose")
      fs.mkdirSync(loose)
      fs.chmodSync(loose, 0o777)
      const foreign = path.join(root, "foreign")
      fs.mkdirSync(foreign, { mode: 0o700 })
      if (process.getuid?.() === 0) fs.chownSync(foreign, 12_345, 12_345)
      const another = process.getuid?.() === 0 ? foreign : "/"
      for (const directory of [link, loose, another]) assert.isUndefined(open(directory))
      assert.lengthOf(faults, 3)
      assert.include(faults[0], "is no directory")
      assert.include(faults[1], "may be used by other users")
      assert.include(faults[2], "belongs to another user")
      assert.deepStrictEqual([fs.readdirSync(own), fs.readdirSync(loose), fs.readdirSync(foreign)], [[], [], []])
      assert.deepStrictEqual(Ledger.readAll(link), { accounts: [], malformed: [] })
    }))

  it.effect("is in the user's runtime directory, or else, as after su, among the temporary files", () =>
    Effect.gen(function*() {
      const { root } = yield* make
      const before = process.env["XDG_RUNTIME_DIR"]
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
          else process.env["XDG_RUNTIME_DIR"] = before
        })
      )
      process.env["XDG_RUNTIME_DIR"] = root
      assert.strictEqual(Ledger.defaultDirectory(), path.join(root, "holdfast"))
      const temporary = path.join(os.tmpdir(), `holdfast-${process.getuid?.()}`)
      for (const unfit of ["/dev/null/nowhere", path.join(root, "missing"), "relative", ""]) {
        process.env["XDG_RUNTIME_DIR"] = unfit
        assert.strictEqual(Ledger.defaultDirectory(), temporary)
      }
    }))

  it.effect("that cannot be written any more is given up with one complaint", () =>
    Effect.gen(function*() {
      const { directory, faults, open } = yield* make
      const ledger = open()
      ledger?.append("expect 0")
      fs.rmSync(directory, { recursive: true })
      fs.writeFileSync(directory, "")
      ledger?.append("expect 1")
      ledger?.append("expect 2")
      assert.lengthOf(faults, 1)
      assert.include(faults[0], directory)
      assert.isUndefined(open("/dev/null/nowhere"))
    }))

  it.effect("a line that its owner did not finish counts for nothing; one that makes no sense spoils the ledger", () =>
    Effect.gen(function*() {
      const { account, directory, living, open } = yield* make
      const ledger = open()
      living.push("expect 1")
      ledger?.append("expect 1")
      fs.appendFileSync(ledger?.file ?? "", "add 1")
      assert.deepStrictEqual([...account()?.expected ?? []], [1])
      const whole = fs.readFileSync(ledger?.file ?? "", "utf8")
      fs.writeFileSync(ledger?.file ?? "", `${whole} 4242 1 kill\n`)
      assert.deepStrictEqual([...account()?.registered.keys() ?? []], [1])
      for (
        const text of [
          "",
          "holdfast",
          "holdfast 1 0 1 x 1\n",
          `${whole}\n`,
          `${whole} 4242 1 kill\nadd 2 1 5 kill\n`,
          `${whole} 4242 1 kill\nadd 2 0 5 kill\n`,
          `${whole} 4242 1 kill\nadd 2 -1 5 kill\n`,
          `${whole} 4242 1 kill\nadd 2\n`,
          `${whole} 4242 1 kill\nspare 2\n`
        ]
      ) {
        fs.writeFileSync(ledger?.file ?? "", text)
        assert.deepStrictEqual(Ledger.readAll(directory), { accounts: [], malformed: [ledger?.file ?? ""] }, text)
      }
    }))
})
