/**
 * A program without Effect. `open` calls a tool and returns without closing; `shared` does as a script-rerun framework: the same
 * module code twenty times; `waiting` is held by nothing but its own call. It prints the pids of its servers.
 */
import { openMcp, shared } from "@holdfast/mcp/promise"

const [mode = "open", server = ""] = process.argv.slice(2)
const config = { mcpServers: { s: { command: process.execPath, args: [server] } } }
const pidOf = async (mcp: Awaited<ReturnType<typeof openMcp>>) =>
  (await mcp.call("s__pid", {}, { idempotent: true })).text

switch (mode) {
  case "open":
    console.log(await pidOf(await openMcp(config)))
    break
  case "shared": {
    const pids: Array<string> = []
    for (let i = 0; i < 20; i++) pids.push(await pidOf(await shared(config)))
    console.log(JSON.stringify([...new Set(pids)]))
    break
  }
  case "waiting": {
    const mcp = await openMcp(config)
    const pid = await pidOf(mcp)
    process.kill(Number(pid), "SIGKILL")
    console.log(pid, await pidOf(mcp))
    break
  }
}
