// A program whose bundler has left out what HTTP needs: the failure is told, and the program has its time for itself.
import { openMcp } from "@holdfast/mcp/promise"

const main = async () => {
  const mcp = await openMcp({ mcpServers: { web: { url: "http://127.0.0.1:1/mcp" } } })
  const { unavailable } = await mcp.tools()
  const failure = unavailable[0]?.error.message
  // The server is to be kept connected, so it is tried again, and again. A timer and the system get their turns in between.
  for (let turn = 0; turn < 100; turn++) await new Promise((done) => setTimeout(done, 5))
  await mcp.close()
  console.log(JSON.stringify({ failure }))
}

void main()
