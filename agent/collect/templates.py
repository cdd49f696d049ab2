"""Log lines in, the numbers of their templates out; what was learned can be kept and taken up again.

Built on Drain (He et al., "Drain: an online log parsing approach with fixed depth tree", ICWS 2017; the
tree and the clusters are drain3's). Drain takes two lines for one template when most of their words
agree. That joins ``link up`` with ``link down``. Here lines join a template only when they differ in
places known as values: those that ``mask`` sees, and those that proved to be values because the same
words around them held many different ones. A place that proved to be a value makes one template of all
that differ in it only, under the lowest of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drain3.drain import Drain, LogCluster, Node

from agent.collect.masking import WILDCARD, mask

_VARIETY = 4  # different words in one place that prove it a value
_ANCHORS = 2  # words that must stay the same around it; less would join what has nothing in common
_MOST_WORDS = 100
_DEPTH = 6  # of the tree: templates lie together by length and their first words
_LONGEST_LINE = 4000  # characters
_CACHED_LINES = 10_000
_CACHED_SHAPES = 50_000
_MOST_CONTEXTS = 100_000

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of log line. ``text`` has ``<*>`` for values; ``number`` never changes."""

    number: int
    text: str


class TemplateMiner:
    """Learns templates as lines come. Not safe to use from several threads.

    At most ``most`` templates are kept; the one that was not seen for longest is forgotten first.

    >>> miner = TemplateMiner()
    >>> [miner.add(line) for line in ("login of anna ok", "job 7 ended", "job 8 ended")]
    [1, 2, 2]
    >>> miner.text(2)
    'job <*> ended'
    """

    def __init__(self, most: int | None = 20_000) -> None:
        self._tree = _Tree(most)
        self._evidence = _Evidence()
        self._joined: dict[int, int] = {}
        self._by_line: dict[str, int] = {}
        self._by_shape: dict[str, int] = {}

    def add(self, line: str) -> int:
        """Learn from one line and return the number of its template."""
        number = self._by_line.get(line)
        if number is not None and self._tree.in_use(number := self.number(number)):
            return number
        number = self._add_shape(mask(line[:_LONGEST_LINE]))
        if len(line) <= _LONGEST_LINE:
            _remember(self._by_line, line, number, _CACHED_LINES)
        return number

    def number(self, number: int) -> int:
        """Return what a template's number is now: a template may since have joined an older one."""
        while number in self._joined:  # always into a lower one, so this ends
            number = self._joined[number]
        return number

    def text(self, number: int) -> str:
        """Return the text of a template, or ``""`` when it was forgotten."""
        cluster = self._tree.id_to_cluster.get(self.number(number))
        return " ".join(cluster.log_template_tokens) if cluster else ""

    def templates(self) -> Iterator[Template]:
        """Yield all templates, to be kept and given to ``restore`` one day."""
        for cluster in self._tree.clusters:
            yield Template(cluster.cluster_id, " ".join(cluster.log_template_tokens))

    def restore(self, templates: Iterable[Template]) -> None:
        """Take up templates of an earlier life. Call it before the first ``add``."""
        for template in templates:
            words = tuple(template.text.split(" ")) if template.text else ()
            self._tree.plant(words, template.number)
            self._evidence.note(words)

    def tree_size(self) -> int:
        """Return how many nodes the tree has; it does not grow beyond what ``most`` templates need."""
        return self._tree.size()

    def _add_shape(self, shape: str) -> int:
        number = self._by_shape.get(shape)
        if number is not None and self._tree.in_use(number := self.number(number)):
            return number
        number = self._learn(tuple(shape.split()[:_MOST_WORDS]))
        _remember(self._by_shape, shape, number, _CACHED_SHAPES)
        return number

    def _learn(self, words: Words) -> int:
        known = self._tree.find(words)
        if known is not None:
            return int(known.cluster_id)
        number = self._tree.plant(words)
        while (place := self._evidence.note(words)) is not None:
            words = (*words[:place], WILDCARD, *words[place + 1 :])
            number = self._join(words)
        return number

    def _join(self, words: Words) -> int:
        """Make one template of all that ``words`` covers; return its number."""
        covered = self._tree.remove_covered(words)
        number = min(covered)
        self._tree.plant(words, number)
        self._joined.update(dict.fromkeys(set(covered) - {number}, number))
        return number


class _Tree(Drain):  # type: ignore[misc]  # drain3 has no types
    """Drain's prefix tree, made strict: words must agree wherever the template has no wildcard."""

    def __init__(self, most: int | None) -> None:
        self.clusters_counter = 0
        super().__init__(
            depth=_DEPTH, sim_th=1.0, max_children=10**9, max_clusters=most, parametrize_numeric_tokens=False
        )
        self._planted = 0

    def find(self, words: Words) -> LogCluster | None:
        """Return the template that covers these words with the fewest wildcards."""
        found = [one for one in self._near(words) if _covers(one.log_template_tokens, words)]
        if not found:
            return None
        best = min(found, key=lambda one: one.log_template_tokens.count(WILDCARD))
        self.in_use(best.cluster_id)
        return best

    def in_use(self, number: int) -> bool:
        """Return whether a template is known, and put it at the end of the order of forgetting."""
        try:
            return self.id_to_cluster[number] is not None
        except KeyError:
            return False

    def plant(self, words: Words, number: int | None = None) -> int:
        """Add a template, under a new number unless one is given; return the number."""
        number = self.clusters_counter + 1 if number is None else number
        self.clusters_counter = max(self.clusters_counter, number)
        cluster = LogCluster(words, number)
        self.id_to_cluster[number] = cluster
        self.add_seq_to_prefix_tree(self.root_node, cluster)
        self._planted += 1
        if self.max_clusters and self._planted > 4 * self.max_clusters:
            self._replant()
        return number

    def remove_covered(self, words: Words) -> list[int]:
        """Remove the templates that ``words`` covers; return their numbers."""
        covered = [
            one.cluster_id
            for one in self._near(words, widely=True)
            if _covers(words, one.log_template_tokens)
        ]
        for number in covered:
            self.id_to_cluster.pop(number, None)
        return covered

    def _near(self, words: Words, widely: bool = False) -> Iterator[LogCluster]:
        """Yield the templates that begin like these words; ``widely``: those that a wildcard covers too."""
        root = self.root_node.key_to_child_node.get(str(len(words)))
        nodes = [root] if root else []
        # drain3 hangs a template under its last word but one at the latest
        for word in words[: min(self.max_node_depth - 1, len(words) - 1)]:
            if widely and word == WILDCARD:
                nodes = [child for node in nodes for child in node.key_to_child_node.values()]
            else:
                children = [node.key_to_child_node.get(key) for node in nodes for key in {word, WILDCARD}]
                nodes = [child for child in children if child is not None]
        for node in nodes:
            for number in node.cluster_ids:
                if (cluster := self.id_to_cluster.get(number)) is not None:
                    yield cluster

    def size(self) -> int:
        """Return how many nodes there are."""
        nodes, count = [self.root_node], 0
        while nodes:
            nodes.extend(nodes.pop().key_to_child_node.values())
            count += 1
        return count

    def _replant(self) -> None:
        """Build the tree anew, without the branches of forgotten templates."""
        self.root_node = Node()
        for cluster in self.clusters:
            self.add_seq_to_prefix_tree(self.root_node, cluster)
        self._planted = 0


class _Evidence:
    """Counts the different words seen in one place between the same other words."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, ...]] = {}
        self._settled: dict[int, None] = {}

    def note(self, words: Words) -> int | None:
        """Count these words in; return the place that is best proved to be a value, if there is one."""
        anchors = [any(map(str.isalpha, word.replace(WILDCARD, ""))) for word in words]
        best: tuple[bool, int] | None = None
        value = None
        for place, word in enumerate(words):
            if sum(anchors) - anchors[place] < _ANCHORS:
                continue
            context = hash((place, words[:place], words[place + 1 :]))
            if context in self._settled:
                if word != WILDCARD:
                    return place
                continue
            seen = self._count(context, word)
            masked = len(seen) > 1 and any(WILDCARD in other for other in seen)
            proved = masked or (place > 0 and len(seen) >= _VARIETY)
            if proved and (best is None or (masked, len(seen)) > best):
                best, value, proving = (masked, len(seen)), place, context
        if value is not None:
            self._settle(proving)
        return value

    def _settle(self, context: int) -> None:
        del self._seen[context]
        self._settled[context] = None
        if len(self._settled) > _MOST_CONTEXTS:
            del self._settled[next(iter(self._settled))]

    def _count(self, context: int, word: str) -> tuple[str, ...]:
        seen = self._seen.pop(context, ())
        if word not in seen and len(seen) < _VARIETY:
            seen = (*seen, word)
        self._seen[context] = seen  # moved to the end: the front is what was not seen for longest
        if len(self._seen) > _MOST_CONTEXTS:
            del self._seen[next(iter(self._seen))]
        return seen


def _covers(template: Sequence[str], words: Sequence[str]) -> bool:
    return all(ours in (theirs, WILDCARD) for ours, theirs in zip(template, words, strict=True))


def _remember(cache: dict[str, int], key: str, number: int, most: int) -> None:
    if len(cache) >= most:
        cache.clear()
    cache[key] = number
