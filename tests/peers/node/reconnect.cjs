// A service that asks for digits until it gets 0, over links that come and go.

const { connect, main, tell } = require("./common.cjs");

main(async () => {
  const client = await connect();
  client.listen({ onReconnecting: () => tell("reconnecting"), onConnected: () => tell("connected") });
  await client.voice.listen({
    topics: ["default"],
    onCallReceived: async (call) => {
      await call.answer();
      for (let number = 0; number < 3; number += 1) {
        const collect = await call.collect({ digits: { max: 5, terminators: "#" }, initialTimeout: 300 });
        const { digits } = await collect.ended();
        tell("digits", digits);
        if (digits === "0") break;
      }
      await call.hangup();
      tell("ended", call.state);
    },
  });
  tell("listens");
  process.on("SIGINT", () => process.exit(0));
});
