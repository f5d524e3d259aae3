import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_save

from config.shop.models import Customer, Line, Order, Product
from workflows.errors import Invalid
from workflows.instructions import update
from workflows.instructions.update import Update


def config(filter, individual=False, collection="shop.Product", **values):
    return {"collection": collection, "params": {"individualHooks": individual, "filter": filter, "values": values}}


@pytest.fixture
def products(db):
    return [Product.objects.create(name=f"p{stock}", price=1, stock=stock) for stock in range(4)]


@pytest.fixture
def saved():
    """The names of the products that announced a save."""
    seen = []

    def note(instance, **_):
        seen.append(instance.name)

    post_save.connect(note, sender=Product)
    yield seen
    post_save.disconnect(note, sender=Product)


@pytest.mark.parametrize(("individual", "announced"), [(False, []), (True, ["p0", "p1"])])
def test_167_and_168_rows_are_changed_and_counted(make_step, products, saved, individual, announced):
    raw = config({"stock": {"$lt": "{{$context.below}}"}}, individual, reorder_level="{{$context.below}}")
    outcome = Update().run(make_step(Update, raw, scope={"$context": {"below": 2}}))
    assert outcome.result == 2
    assert Product.objects.filter(reorder_level=2).count() == 2
    assert saved == announced
    assert outcome.input["params"]["filter"] == {"stock": {"$lt": 2}}


def test_one_statement_without_hooks(make_step, products, django_assert_num_queries):
    step = make_step(Update, config({"stock": 1}, reorder_level=5))
    with django_assert_num_queries(1):
        Update().run(step)


def test_more_rows_than_a_batch(make_step, products, monkeypatch):
    monkeypatch.setattr(update, "_BATCH", 2)
    # What a row is filtered by changes under way; none is met twice or left out.
    assert Update().run(make_step(Update, config({"stock": {"$gte": 0}}, True, stock=9))).result == 4
    assert Product.objects.filter(stock=9).count() == 4


def test_a_models_own_save_has_its_say(make_step, products, db):
    order = Order.objects.create(customer=Customer.objects.create(name="Ann"))
    line = Line.objects.create(order=order, product=products[0], quantity=1, price=2)
    Update().run(make_step(Update, config({"id": line.pk}, True, "shop.Line", quantity=3)))
    line.refresh_from_db()
    assert line.amount == 6


def test_relations_to_many_one_by_one(make_step, db, settings):
    settings.SLUICE = {"MODELS": ["auth.Group"]}
    group = Group.objects.create(name="g")
    keys = list(Permission.objects.values_list("pk", flat=True)[:2])
    assert Update().run(make_step(Update, config({"name": "g"}, True, "auth.Group", permissions=keys))).result == 1
    assert set(group.permissions.values_list("pk", flat=True)) == set(keys)


@pytest.mark.parametrize(
    "filter", [{"lines.price": 2}, {"lines.product.stock": 0}, {"lines.order.customer.name": "Ann"}]
)
def test_filters_through_relations_count_rows_once(make_step, products, filter):
    order = Order.objects.create(customer=Customer.objects.create(name="Ann"))
    for _ in range(2):
        Line.objects.create(order=order, product=products[0], price=2)
    raw = config(filter, reorder_level=5)
    assert Update().run(make_step(Update, raw)).result == 1


@pytest.mark.parametrize(
    ("filter", "context"),
    [
        ("{{$context.filter}}", {}),
        ({"$and": "{{$context.filter}}"}, {"filter": []}),
        ("{{$context.filter}}", {"filter": {}}),
    ],
)
def test_a_filter_that_came_out_empty_changes_nothing(make_step, products, filter, context):
    with pytest.raises(Invalid) as caught:
        Update().run(make_step(Update, config(filter, reorder_level=5), scope={"$context": context}))
    assert caught.value.field == "params.filter"
    assert not Product.objects.filter(reorder_level=5).exists()


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (config({}, stock=1), "params.filter"),
        (config(None, stock=1), "params.filter"),
        (config({"$or": []}, stock=1), "params.filter"),
        (config([], stock=1), "params.filter"),
        (config({"nope": 1}, stock=1), "params.filter.nope"),
        (config({"stock": {"$nope": "{{x}}"}}, stock=1), "params.filter.stock.$nope"),
        (config({"stock": 1}), "params.values"),
        (config({"stock": 1}, nope=1), "params.values.nope"),
        (config({"stock": 1}, id=7), "params.values.id"),
        (config({"stock": 1}, stock="x"), "params.values.stock"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(raw, field):
    with pytest.raises(Invalid) as caught:
        Update().check(Update().parse(raw))
    assert field in caught.value.errors


def test_relations_to_many_need_one_by_one(settings):
    settings.SLUICE = {"MODELS": ["auth.Group"]}
    with pytest.raises(Invalid, match="individualHooks"):
        Update().check(Update().parse(config({"name": "g"}, False, "auth.Group", permissions=[])))


def test_a_good_configuration():
    parsed = Update().parse(config({"id": "{{$context.data.id}}"}, None, stock="{{$context.n}}"))
    Update().check(parsed)
    assert Update().written_models(parsed) == [("shop.Product", "change")]
