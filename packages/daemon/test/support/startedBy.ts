import * as Home from "./Home.ts"

/** So many programs want the daemon at once: what they were told, and how often one has begun to listen. */
export const startedBy = async (programs: number) => {
  await using home = Home.make()
  const ran = await Promise.all(Array.from({ length: programs }, () => Home.finish(Home.client(home))))
  return {
    refusals: ran.map(({ stderr }) => stderr).filter((text) => text !== ""),
    served: [...new Set(ran.map(({ stdout }) => Number(stdout)))].map((pid) => pid === home.daemonPid()),
    starts: home.starts()
  }
}
