// What the scenarios share. Each is run as: node run.cjs <scenario> <address> <account> <password>.
const assert = require('node:assert/strict');
const { createInterface } = require('node:readline');
const { APIClient } = require('@nocobase/sdk');

const data = (response) => response.data.data;

module.exports = class Kit {
  constructor(address, account, password) {
    Object.assign(this, { address, account, password, data });
    this.api = this.client();
    this.lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  }

  client(baseURL = this.address) {
    return new APIClient({ baseURL });
  }

  async signIn(account = this.account, api = this.api) {
    return data(await api.auth.signIn({ account, password: this.password }, 'basic')).user;
  }

  // "work" on the output asks for what is due to be done; the answer on the input says that it was.
  async work() {
    console.log('work');
    await this.lines.next();
  }

  // The call is refused with this status, in the shape that the client reads; answers its messages.
  async fails(status, call, code) {
    let messages;
    await assert.rejects(call, (error) => {
      assert.equal(error.response?.status, status, JSON.stringify(error.response?.data ?? error.message));
      const entries = this.api.toErrMessages(error);
      assert.ok(entries.length && entries.every((entry) => entry.message));
      if (code) assert.equal(entries[0].code, code);
      messages = entries.map((entry) => entry.message);
      return true;
    });
    return messages;
  }

  async flow(title, nodes, more = {}) {
    const flow = data(await this.api.resource('workflows').create({ values: { title, type: 'manual', config: {}, ...more } }));
    let upstreamId = null;
    flow.nodes = [];
    for (const [type, config] of nodes) {
      const made = data(await this.api.resource('workflows.nodes', flow.id).create({ values: { type, title: type, config, upstreamId } }));
      flow.nodes.push(made);
      upstreamId = made.id;
    }
    return flow;
  }

  async execute(flow, values = {}) {
    return data(await this.api.resource('workflows').execute({ filterByTk: flow.id, values })).execution;
  }

  async run(id) {
    return data(await this.api.resource('executions').get({ filterByTk: id, appends: ['jobs'] }));
  }
};
