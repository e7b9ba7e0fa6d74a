"""Every table, typed. Times are `*_ms`: milliseconds since 1970 UTC; days are ISO dates in the city's time zone.

Ids are made by the application (`storage.ids`), so that rows can refer to each other before they are written.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, String, UniqueConstraint, text

from storage.declare import DeclarativeBase, Mapped, mapped_column

WAITS = text("retry_ms IS NOT NULL")
OWNED = text("resident_id IS NOT NULL")
Id = BigInteger().with_variant(Integer, "sqlite")
Ms = BigInteger

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {bytes: LargeBinary, str: String}  # noqa: RUF012


class Meta(Base):
    """Facts about this database: which city, demo or not, a check value of the secret key."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Area(Base):
    """The tree of places, copied from the city's file so that rows can refer to it."""

    __tablename__ = "area"
    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    parent: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    circle_scale: Mapped[int | None]


class Resident(Base):
    """A person behind one or more channel identities. Nothing that names them."""

    __tablename__ = "resident"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    created_ms: Mapped[int] = mapped_column(Ms)
    community: Mapped[str | None] = mapped_column(ForeignKey("area.code"), index=True)
    consent_version: Mapped[str | None]
    consent_ms: Mapped[int | None] = mapped_column(Ms)
    opted_out: Mapped[bool] = mapped_column(default=False)  #: wants no surveys


class Identity(Base):
    """A resident on one channel: keyed hash of the platform's id, encrypted reply address."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("channel", "account", "key_hash"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str]
    account: Mapped[str]
    key_hash: Mapped[bytes]
    address: Mapped[bytes]
    gone: Mapped[bool] = mapped_column(default=False)  #: blocked us, or deleted the account


class Conversation(Base):
    """Where the dialogue with a resident stands. `version` counts the turns."""

    __tablename__ = "conversation"
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[bytes]
    version: Mapped[int]
    updated_ms: Mapped[int] = mapped_column(Ms)


class Inbox(Base):
    """Every platform event ever accepted, once. A repeat gets the replies its outbox rows hold, or else `reply`.

    `reply` is there after an erasure or a failure; `payload` from a failure until it went through or its term is over,
    and only of residents who agreed.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "account", "external_id"),
        Index("ix_inbox_waiting", "retry_ms", sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_inbox_owner", "resident_id", sqlite_where=OWNED, postgresql_where=OWNED),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str]
    account: Mapped[str]
    external_id: Mapped[str]
    resident_id: Mapped[int | None] = mapped_column(Id)  #: only while `payload` waits, so that erasure finds it
    received_ms: Mapped[int] = mapped_column(Ms)
    status: Mapped[str]  #: done, failed, dead
    tries: Mapped[int]
    reason: Mapped[str | None]
    retry_ms: Mapped[int | None] = mapped_column(Ms)
    payload: Mapped[bytes | None]
    reply: Mapped[bytes | None]


class Message(Base):
    """The original-message table: the only one that holds a resident's own words unmasked, and those encrypted."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    at_ms: Mapped[int] = mapped_column(Ms)
    community: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    source: Mapped[str]  #: chat, survey, worker
    original: Mapped[bytes]
    masked: Mapped[str]
    intent: Mapped[str]
    intent_p: Mapped[float]
    emergency: Mapped[str | None]
    model: Mapped[str]  #: version of the model that read it


class Voice(Base):
    """One resident standing behind one facility in one community, once in 30 days. `needs` are those it rests on."""

    __tablename__ = "voice"
    __table_args__ = (UniqueConstraint("resident_id", "leaf", "community", "ordinal"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"))
    leaf: Mapped[str]
    community: Mapped[str] = mapped_column(ForeignKey("area.code"))
    ordinal: Mapped[int]
    day: Mapped[str]
    first_ms: Mapped[int] = mapped_column(Ms)
    needs: Mapped[int]


class Need(Base):
    """One facility asked for by one message. Only status `filed` counts."""

    __tablename__ = "need"
    __table_args__ = (Index("ix_need_community_status_at", "community", "status", "at_ms"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    receipt: Mapped[str] = mapped_column(unique=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    community: Mapped[str] = mapped_column(ForeignKey("area.code"))
    leaf: Mapped[str]
    nature: Mapped[str]
    p: Mapped[float]
    span_start: Mapped[int]
    span_end: Mapped[int]
    status: Mapped[str]  #: filed, asked, rejected, withdrawn
    confirmed_by: Mapped[str | None]  #: resident, worker
    source: Mapped[str]  #: chat, survey, worker
    day: Mapped[str]
    at_ms: Mapped[int] = mapped_column(Ms)
    voice_id: Mapped[int | None] = mapped_column(ForeignKey("voice.id", ondelete="SET NULL"), index=True)


class Remark(Base):
    """A fault, complaint or objection about a facility: kept beside the demand, never mixed in."""

    __tablename__ = "remark"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    community: Mapped[str] = mapped_column(ForeignKey("area.code"))
    leaf: Mapped[str]
    intent: Mapped[str]
    p: Mapped[float]
    day: Mapped[str]
    at_ms: Mapped[int] = mapped_column(Ms)


class Demand(Base):
    """The counters a planner reads: per community, facility and day. Kept in the same transaction as their rows."""

    __tablename__ = "demand"
    community: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    leaf: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    voices: Mapped[int]
    needs: Mapped[int]
    objections: Mapped[int]
    faults: Mapped[int]
    complaints: Mapped[int]


class DemandTotal(Base):
    """Distinct residents who ever stood behind a facility in a community and still do."""

    __tablename__ = "demand_total"
    community: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    leaf: Mapped[str] = mapped_column(primary_key=True)
    residents: Mapped[int]


class Label(Base):
    """Somebody's judgement of a need: the next training's material. The last one stands."""

    __tablename__ = "label"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id", ondelete="CASCADE"), index=True)
    by_role: Mapped[str]  #: resident, worker
    by_id: Mapped[int] = mapped_column(Id)
    old_leaf: Mapped[str]
    new_leaf: Mapped[str | None]  #: None: about no facility, or nobody said about which
    intent: Mapped[str | None]  #: None: no such need, and nobody said what instead
    at_ms: Mapped[int] = mapped_column(Ms)


class Outbox(Base):
    """What has to reach a resident.

    ready -> sending -> sent | unknown | refused | expired; `carried` went out in the answer to the platform's own
    request. A reply found `sending` at start is `unknown` and not repeated; a push is.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "status", "kind", "not_before_ms", "id"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    identity_id: Mapped[int] = mapped_column(Id)  #: goes with its resident
    inbox_id: Mapped[int | None] = mapped_column(Id, index=True)  #: the event it answers
    kind: Mapped[str]  #: reply, push
    body: Mapped[bytes]
    status: Mapped[str]
    tries: Mapped[int]
    created_ms: Mapped[int] = mapped_column(Ms)
    not_before_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int | None] = mapped_column(Ms)
    sent_ms: Mapped[int | None] = mapped_column(Ms)
    external_id: Mapped[str | None]
    reason: Mapped[str | None]
    dedupe_key: Mapped[str | None] = mapped_column(unique=True)


class ModelVersion(Base):
    """A trained model. `version`: hash of corpus, dictionary, catalogue and learning code; `figures`: JSON."""

    __tablename__ = "model_version"
    version: Mapped[str] = mapped_column(primary_key=True)
    created_ms: Mapped[int] = mapped_column(Ms)
    figures: Mapped[str]
    active: Mapped[bool]  #: it reads since the last start
    corpus: Mapped[str | None]  #: hash of the sentences it learnt from
    dictionary: Mapped[str | None]  #: hash of its own words
    parent: Mapped[str | None]  #: the champion it was compared with
    verdict: Mapped[str | None]  #: promoted, refused, rolled_back; None of the corpus's own model
    labels: Mapped[str | None]  #: JSON, judgements it learnt from by source
    comparison: Mapped[str | None]  #: JSON, the figures it was judged by


class Campaign(Base):
    """One push of one survey to one area."""

    __tablename__ = "campaign"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey: Mapped[str]
    area: Mapped[str] = mapped_column(ForeignKey("area.code"))
    at_ms: Mapped[int] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)
    status: Mapped[str]  #: scheduled, running, done, stopped


class Invitation(Base):
    """One resident invited to one campaign, once."""

    __tablename__ = "invitation"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    resident_id: Mapped[int] = mapped_column(
        ForeignKey("resident.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    status: Mapped[str]  #: invited, started, finished, stopped
    at_ms: Mapped[int] = mapped_column(Ms)


class Answer(Base):
    """One resident's answer to one question: a repeat replaces it, never adds one. `value` is JSON."""

    __tablename__ = "answer"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    resident_id: Mapped[int] = mapped_column(
        ForeignKey("resident.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    question: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    at_ms: Mapped[int] = mapped_column(Ms)


class Slot(Base):
    """A tick of a scheduled job, claimed by whoever inserted the row first."""

    __tablename__ = "slot"
    job: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    claimed_ms: Mapped[int] = mapped_column(Ms)


class Staff(Base):
    """A community worker or planner, bound to one area."""

    __tablename__ = "staff"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    role: Mapped[str]
    area: Mapped[str] = mapped_column(ForeignKey("area.code"))
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    created_ms: Mapped[int] = mapped_column(Ms)
    revoked_ms: Mapped[int | None] = mapped_column(Ms)


class StaffInvite(Base):
    """A one-time code, kept as hash only."""

    __tablename__ = "staff_invite"
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    role: Mapped[str]
    area: Mapped[str] = mapped_column(ForeignKey("area.code"))
    created_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int] = mapped_column(Ms)
    used_ms: Mapped[int | None] = mapped_column(Ms)


class NeedLink(Base):
    """Two needs a worker called one and the same. Says nothing to the counters; `first_id` is the smaller id."""

    __tablename__ = "need_link"
    first_id: Mapped[int] = mapped_column(ForeignKey("need.id", ondelete="CASCADE"), primary_key=True)
    second_id: Mapped[int] = mapped_column(ForeignKey("need.id", ondelete="CASCADE"), primary_key=True, index=True)
    staff_id: Mapped[int] = mapped_column(Id)
    at_ms: Mapped[int] = mapped_column(Ms)
    score: Mapped[float]  #: how alike they were when linked, 0 to 1


class Topic(Base):
    """A sub-topic that recurs inside a facility; its id and name stay while its words do. `centroid`: JSON."""

    __tablename__ = "topic"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    leaf: Mapped[str]
    name: Mapped[str]
    centroid: Mapped[str]
    first_day: Mapped[str]
    last_day: Mapped[str]
    status: Mapped[str]  #: active, dormant


class TopicNeed(Base):
    """Which topic a need belongs to, one at most."""

    __tablename__ = "topic_need"
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id", ondelete="CASCADE"), primary_key=True)
    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id", ondelete="CASCADE"), index=True)
