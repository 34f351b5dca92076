/**
 * A registry on loopback: `node registry.mjs STORAGE [DENIED]`, in a folder where verdaccio is installed. It knows no other registry, and lets each
 * user publish each package but the one that is denied. Tells its parent its port.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"

const [storage, denied] = process.argv.slice(2)
const config = Path.join(storage, "config.yaml")
const all = { access: "$all", publish: "$all" }
Fs.writeFileSync(
  config,
  JSON.stringify({
    storage: Path.join(storage, "packages"),
    auth: { htpasswd: { file: Path.join(storage, "htpasswd") } },
    uplinks: {},
    packages: { ...(denied && { [denied]: { ...all, publish: "a-user-who-is-not-there" } }), "**": all },
    log: { type: "stdout", format: "json", level: "fatal" }
  })
)
const { runServer } = createRequire(Path.resolve("package.json"))("verdaccio")
const server = await runServer(config)
server.listen(0, "127.0.0.1", () => process.send(server.address().port))
// Its parent has ended.
process.once("disconnect", () => process.exit())
