// The project's models as collections, and the workflows that requests set off.
const assert = require('node:assert/strict');

module.exports = async (kit) => {
  await kit.signIn();
  const { api, data } = kit;
  const customers = api.resource('shop.Customer');
  const ada = data(await customers.create({ values: { name: 'a b&c=d', nonsense: 1 } }));
  const bob = data(await customers.create({ values: { name: 'Bob' }, whitelist: ['name'] }));
  assert.equal(data(await customers.list({ filter: { 'name.$includes': 'A B&c=d' } }))[0].id, ada.id);
  assert.equal(data(await customers.update({ filterByTk: ada.id, values: { tier: 'gold', name: 'x' }, blacklist: ['name'] }))[0].name, 'a b&c=d');
  await kit.fails(400, customers.create({ values: { name: 'x', tier: 'copper' } }));
  await kit.fails(400, customers.update({ values: { tier: 'gold' } }));
  await kit.fails(404, api.resource('shop.Nothing').list());
  await kit.fails(404, api.resource('auth.User').list());

  const after = await kit.flow('After', [], { type: 'action', config: { collection: 'shop.Order', global: false, actions: [] }, enabled: true });
  const before = await kit.flow('Before', [
    ['condition', { rejectOnFalse: false, engine: 'math.js', expression: '{{$context.params.values.total}} < 100' }],
  ], { type: 'request-interception', sync: true, config: { collection: 'shop.Order', global: true, actions: ['create'] } });
  await api.resource('workflows.nodes', before.id).create({
    values: { type: 'response-message', config: { message: 'Too much' }, upstreamId: before.nodes[0].id, branchIndex: 0 },
  });
  const told = data(await api.resource('workflows.nodes', before.id).list({ filter: { type: 'response-message' } }))[0];
  await api.resource('workflows.nodes', before.id).create({ values: { type: 'end', config: { endStatus: -1 }, upstreamId: told.id } });
  await api.resource('workflows').update({ filterByTk: before.id, values: { enabled: true } });

  // Inside a customer, by the name with two dots.
  const orders = api.resource('shop.Customer.orders', ada.id);
  const order = data(await orders.create({ values: { total: 5, customer: bob.id }, triggerWorkflows: after.key }));
  assert.equal(order.customer_id, ada.id);
  assert.deepEqual(await kit.fails(400, orders.create({ values: { total: 500 } })), ['Too much']);
  await kit.work();
  const [run] = data(await api.resource('executions').list({ filter: { key: after.key } }));
  assert.equal(run.context.data.id, order.id);
  assert.deepEqual(data(await orders.list({ appends: ['customer'] })).map((row) => row.customer.name), ['a b&c=d']);
  assert.deepEqual(data(await api.resource('shop.Customer.orders', bob.id).list()), []);
  assert.equal(data(await api.resource('shop.Customer.orders', bob.id).destroy({ filterByTk: order.id })), 0);
  assert.equal(data(await orders.update({ filterByTk: order.id, values: { note: 'n' } }))[0].note, 'n');
  assert.equal(data(await api.resource('shop.Order.customer', order.id).get()).id, ada.id);

  const custom = await kit.flow('Button', [], { type: 'custom-action', config: { type: 1, collection: 'shop.Order' }, enabled: true });
  const anywhere = await kit.flow('Anywhere', [], { type: 'custom-action', config: { type: 0 }, enabled: true });
  await api.resource('shop.Order').trigger({ filterByTk: order.id, values: { note: 'by hand' }, triggerWorkflows: custom.key });
  await api.resource('workflows').trigger({ values: { a: 1 }, triggerWorkflows: anywhere.key });
  await kit.work();
  const context = async (flow) => data(await api.resource('executions').list({ filter: { key: flow.key } }))[0].context;
  assert.deepEqual([(await context(custom)).data.id, (await context(custom)).data.note], [order.id, 'by hand']);
  assert.deepEqual((await context(anywhere)).data, { a: 1 });
  await kit.fails(400, api.resource('workflows').trigger({ values: {} }));
  await kit.fails(400, api.resource('workflows').trigger({ values: {}, triggerWorkflows: custom.key }));

  assert.equal(data(await orders.destroy({ filter: { total: { $lt: 10 } } })), 1);
  assert.equal(data(await customers.destroy({ filterByTk: [ada.id, bob.id] })), 2);
};
