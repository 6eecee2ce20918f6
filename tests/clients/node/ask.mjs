// What Node's client is told; its address, user and password come as arguments, JSON goes to stdout.
import { createClient } from "@clickhouse/client";

const [url, username, password] = process.argv.slice(2);
const told = {};
const step = async (name, ask) => {
  try {
    told[name] = await ask();
  } catch (error) {
    told[name] = { error: String(error.message), code: Number(error.code) };
  }
};
const open = (more = {}) =>
  createClient({ url, username, password, clickhouse_settings: { max_execution_time: 20 }, ...more });
const client = open({ compression: { response: true } });
const rows = async (query, more = {}) =>
  (await client.query({ query, format: "JSONEachRow", ...more })).json();

await step("ping", async () => (await client.ping({ select: true })).success);
await step("figures", () =>
  rows(
    "SELECT region, obs_value FROM pub.events_by_kind_vintages WHERE release = 1 " +
      "AND time_period = {period: String} AND kind = {kind: String} ORDER BY region",
    { query_params: { period: "2025", kind: "arrest" } },
  ),
);
await step("stream", async () => {
  let count = 0;
  const answer = await client.query({
    query: "SELECT arrayJoin(range(100000)) AS n",
    format: "JSONEachRow",
  });
  for await (const part of answer.stream()) count += part.length;
  return count;
});
await step("raw", () => rows("SELECT event_id FROM raw.facts"));
await step("insert", () =>
  client.insert({ table: "pub.releases", values: [{ release: 9 }], format: "JSONEachRow" }),
);
await step("login", async () => {
  const stranger = open({ password: "another" });
  try {
    return await (await stranger.query({ query: "SELECT 1" })).text();
  } finally {
    await stranger.close();
  }
});
await client.close();
console.log(JSON.stringify(told));
