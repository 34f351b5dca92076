/**
 * A program that makes calls through the daemon, one after another, and prints what became of each: `<nonce> ok` or its delivery.
 *
 * Arguments: what it wants, as JSON; its name; how many calls.
 */
import * as DaemonClient from "../../src/DaemonClient.ts"
import * as Host from "./Host.ts"

const [, , wishes = "", name = "", count = ""] = process.argv
const { socket } = await DaemonClient.connect({ program: name, ...JSON.parse(wishes) })
socket.resume()
// A daemon that ends is no answer to anything.
socket.once("close", () => process.exit(3))
const host = Host.over(socket, socket, () => socket.end())
await host.greet()
for (let i = 0; i < Number(count); i++) {
  const nonce = `${name}-${i}`
  const said = await host.call("echo", nonce)
  const { delivery } = said.includes("\"delivery\"") ? JSON.parse(said) : { delivery: undefined }
  process.stdout.write(`${nonce} ${delivery ?? (said.includes(`"${nonce}"`) ? "ok" : "another's answer")}\n`)
}
process.exit(0)
