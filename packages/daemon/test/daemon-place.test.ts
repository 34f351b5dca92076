import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as DaemonPlace from "../src/DaemonPlace.ts"
import { DaemonRefusal } from "../src/DaemonRefusal.ts"

const user = process.getuid?.() ?? 0

const makeFolder = (): Disposable & { readonly path: string } => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hfp-"))
  return { path: folder, [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }) }
}

const refusalOf = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    assert.instanceOf(error, DaemonRefusal)
    return error.message
  }
  throw new Error("it was not refused")
}

const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8)

describe("the place of the daemon", () => {
  it("is in XDG_RUNTIME_DIR, and in the user's state where that is another user's or not set", () => {
    using runtime = makeFolder()
    using state = makeFolder()
    const both = { XDG_RUNTIME_DIR: runtime.path, XDG_STATE_HOME: state.path }
    assert.strictEqual(DaemonPlace.open({ environment: both }).directory, path.join(runtime.path, "holdfast"))
    fs.chmodSync(runtime.path, 0o755)
    assert.strictEqual(DaemonPlace.open({ environment: both }).directory, path.join(state.path, "holdfast"))
    assert.strictEqual(
      DaemonPlace.open({ environment: { HOME: state.path } }).directory,
      path.join(state.path, ".local/state/holdfast")
    )
  })

  it("is a directory that only the user may enter, whatever the umask", () => {
    for (const umask of [0o000, 0o777]) {
      using state = makeFolder()
      const before = process.umask(umask)
      try {
        const place = DaemonPlace.open({ environment: { XDG_STATE_HOME: state.path } })
        const token = DaemonPlace.ensureToken(place, () => "a token")
        assert.deepStrictEqual([modeOf(place.directory), modeOf(place.token), token], ["700", "600", "a token"])
        assert.strictEqual(DaemonPlace.ensureToken(place, () => "another"), "a token")
      } finally {
        process.umask(before)
      }
    }
  })

  it("is refused when it is a link, no directory, open to others or of another user", () => {
    using state = makeFolder()
    const directory = path.join(state.path, "holdfast")
    const open = (as = user) => () => DaemonPlace.open({ environment: { XDG_STATE_HOME: state.path }, user: as })
    fs.mkdirSync(path.join(state.path, "elsewhere"), { mode: 0o700 })
    fs.symlinkSync(path.join(state.path, "elsewhere"), directory)
    assert.match(refusalOf(open()), /holdfast is a symbolic link; remove it/)
    fs.rmSync(directory)
    fs.writeFileSync(directory, "")
    assert.match(refusalOf(open()), /is no directory/)
    fs.rmSync(directory)
    fs.mkdirSync(directory, { mode: 0o700 })
    fs.chmodSync(directory, 0o750)
    assert.match(refusalOf(open()), /may be entered by other users \(mode 0750\); chmod 700/)
    fs.chmodSync(directory, 0o700)
    assert.match(refusalOf(open(user + 1)), /belongs to another user/)
    fs.rmSync(directory, { recursive: true })
    assert.match(refusalOf(open(user + 1)), /folder of another user \(with sudo HOME/)
    assert.isFalse(fs.existsSync(directory), "it was made all the same")
  })

  it("is refused in a sentence where it cannot be written", () => {
    // Nobody can make anything there, root included.
    const message = refusalOf(() => DaemonPlace.open({ environment: { XDG_STATE_HOME: "/proc/self" } }))
    assert.match(message, /^no daemon can be used: \/proc\/self\/holdfast cannot be used \(/)
  })

  it("refuses Windows in a sentence", () => {
    assert.match(refusalOf(() => DaemonPlace.open({ platform: "win32" })), /does not run on Windows yet/)
  })

  it("puts the socket alone into a short directory, equally checked, where the path is too long", () => {
    using state = makeFolder()
    const long = path.join(state.path, "x".repeat(80))
    const open = () => DaemonPlace.open({ environment: { XDG_STATE_HOME: long } })
    const place = open()
    const short = path.dirname(place.socket)
    try {
      assert.isAtMost(Buffer.byteLength(place.socket), DaemonPlace.maxSocketPathBytes)
      assert.deepStrictEqual([path.dirname(short), modeOf(short)], ["/tmp", "700"])
      assert.strictEqual(path.dirname(place.token), path.join(long, "holdfast"))
      assert.strictEqual(open().socket, place.socket)
      fs.chmodSync(short, 0o777)
      assert.match(refusalOf(open), /may be entered by other users/)
    } finally {
      fs.rmSync(short, { recursive: true })
    }
  })
})

describe("the token", () => {
  it("is made anew when it is empty, as after a loss of power, and is never taken for a secret", () => {
    using state = makeFolder()
    const place = DaemonPlace.open({ environment: { XDG_STATE_HOME: state.path } })
    fs.writeFileSync(place.token, "", { mode: 0o600 })
    assert.match(refusalOf(() => DaemonPlace.readToken(place)), /is empty; remove it/)
    assert.strictEqual(DaemonPlace.ensureToken(place, () => "a token"), "a token")
  })

  it("is refused when others may read it, when it is a link and when it is of another user", () => {
    using state = makeFolder()
    const place = DaemonPlace.open({ environment: { XDG_STATE_HOME: state.path } })
    DaemonPlace.ensureToken(place, () => "a token")
    assert.match(refusalOf(() => DaemonPlace.readToken(place, user + 1)), /belongs to another user/)
    fs.chmodSync(place.token, 0o644)
    assert.match(refusalOf(() => DaemonPlace.readToken(place)), /may be read by other users \(mode 0644\); remove it/)
    assert.match(refusalOf(() => DaemonPlace.ensureToken(place, () => "b")), /may be read by other users/)
    fs.renameSync(place.token, `${place.token}.real`)
    fs.symlinkSync(`${place.token}.real`, place.token)
    assert.match(refusalOf(() => DaemonPlace.readToken(place)), /is no file/)
  })
})
