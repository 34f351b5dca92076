import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as DaemonPlace from "../src/DaemonPlace.ts"
import { DaemonRefusal } from "../src/DaemonRefusal.ts"
import * as SharedServers from "../src/SharedServers.ts"

const makeFolder = (): Disposable & { readonly path: string } => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hfs-"))
  return { path: folder, [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }) }
}

describe("the servers that are to be shared", () => {
  it("are remembered by a digest with a secret of the user, beside no argument, where a restart of the machine keeps them", () => {
    using runtime = makeFolder()
    using state = makeFolder()
    const environment = { XDG_RUNTIME_DIR: runtime.path, XDG_STATE_HOME: state.path }
    const place = DaemonPlace.open({ environment })
    const server = { command: "npx", args: ["server", "--token=hush"] }
    assert.isUndefined(SharedServers.digestOf(place, server))
    assert.deepStrictEqual(SharedServers.list(place), [])
    const digest = SharedServers.ensureDigest(place, server)
    assert.strictEqual(SharedServers.digestOf(place, server), digest)
    assert.notStrictEqual(SharedServers.digestOf(place, { ...server, args: [] }), digest)
    for (let i = 0; i < 2; i++) SharedServers.add(place, { name: "fs", digest })
    SharedServers.add(place, { name: "other", digest: "d" })
    assert.deepStrictEqual(SharedServers.list(place), [{ name: "fs", digest }, { name: "other", digest: "d" }])
    assert.strictEqual(place.shared.list, path.join(state.path, "holdfast/shared.json"))
    assert.notMatch(fs.readFileSync(place.shared.list, "utf8"), /hush|npx/)
    const modes = [place.shared.directory, place.shared.list, place.shared.secret].map((file) =>
      (fs.statSync(file).mode & 0o777).toString(8)
    )
    assert.deepStrictEqual(modes, ["700", "600", "600"])
    assert.deepStrictEqual(fs.readdirSync(place.shared.directory).toSorted(), ["secret", "shared.json"])
    assert.deepStrictEqual([SharedServers.remove(place, digest), SharedServers.remove(place, digest)], [true, false])
    assert.deepStrictEqual(SharedServers.list(place), [{ name: "other", digest: "d" }])
  })

  it("are not guessed from a file that is no list: it is refused by its name", () => {
    using state = makeFolder()
    const place = DaemonPlace.open({ environment: { XDG_STATE_HOME: state.path } })
    for (const text of ["{", "[]", `{"shared":1}`]) {
      fs.writeFileSync(place.shared.list, text)
      assert.throws(() => SharedServers.list(place), DaemonRefusal, /shared\.json/)
    }
  })
})
