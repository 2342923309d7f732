"""What relations say."""

from ambience.core.matches import Relation


def test_every_relation_says_whether_it_is_a_copy() -> None:
    """A new one must be decided upon: it is no copy, and none is one, by default."""
    others = {relation for relation in Relation if not relation.is_copy}
    assert others == {
        Relation.SAME_SCENE,
        Relation.SAME_TEMPLATE,
        Relation.SIMILAR_COLORS,
    }
