"""Every URL there is: commands to the library, questions to the projections."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.health import Alive, Ready
from config.home import Home
from config.metrics import Metrics
from config.then import Holds, OneBook
from library.accounts import views as fees
from library.catalog import branch_views as branches
from library.catalog import views as catalog
from library.lending import basket_views as baskets
from library.lending import copy_views as in_hand
from library.lending import desk_views as desk
from library.lending import hold_views as holds
from library.lending import turn_views as turns
from library.lending import views as lending
from library.members import membership_views as membership
from library.members import pages, tokens
from library.members import views as members
from library.policies import views as policies
from outbox import delivery_views as deliveries
from outbox import inbound_views as inbound
from outbox import views as outbox
from projections import account_views as accounts
from projections import count_views as counts
from projections import views as questions
from projections.search_views import SearchBooks

handler400 = "config.problems.bad_request"
handler403 = "config.problems.permission_denied"
handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"

DELIVERIES = "webhook-endpoints/<uuid:endpoint_id>/deliveries/"

api = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(), name="docs"),
    path("tokens/", tokens.TokenList.as_view()),
    path("books/", catalog.Books.as_view()),
    path("books/search/", SearchBooks.as_view()),
    path("books/<uuid:book_id>/", OneBook.as_view()),
    path("books/<uuid:book_id>/availability/", questions.BookAvailability.as_view()),
    path("branches/", branches.Branches.as_view()),
    path("branches/<uuid:branch_id>/", branches.OneBranch.as_view()),
    path("branches/<uuid:branch_id>/daily-sheet/", desk.DailySheet.as_view()),
    path("policies/", policies.Policies.as_view()),
    path("policies/explain/", policies.Explain.as_view()),
    path("copies/", catalog.Copies.as_view()),
    path("copies/sought/", in_hand.Sought.as_view()),
    path("copies/<uuid:copy_id>/", catalog.OneCopy.as_view()),
    path("copies/<uuid:copy_id>/move/", in_hand.MoveCopy.as_view()),
    path("copies/<uuid:copy_id>/mark/", in_hand.MarkCopy.as_view()),
    path("copies/<uuid:copy_id>/scan/", in_hand.ScanCopy.as_view()),
    path("returns/", in_hand.Returns.as_view()),
    path("transits/", in_hand.Transits.as_view()),
    path("members/", members.Members.as_view()),
    path("members/me/", members.Me.as_view()),
    path("members/letter-kinds/", members.LetterKinds.as_view()),
    path("members/me/shelf/", questions.MyShelf.as_view()),
    path("members/me/account/", accounts.MyAccount.as_view()),
    path("members/me/profile/", counts.MyProfile.as_view()),
    path("members/<uuid:member_id>/", members.OneMember.as_view()),
    path("members/<uuid:member_id>/account/", accounts.OneAccount.as_view()),
    path("members/<uuid:member_id>/profile/", counts.OneProfile.as_view()),
    path("members/<uuid:member_id>/block/", membership.BlockMember.as_view()),
    path("members/<uuid:member_id>/unblock/", membership.UnblockMember.as_view()),
    path("members/<uuid:member_id>/extend/", membership.ExtendMembership.as_view()),
    path("categories/", membership.Categories.as_view()),
    path("activity/", counts.LoansPerDay.as_view()),
    path("activity/top-books/", counts.TopBooks.as_view()),
    path("loans/", lending.Loans.as_view()),
    path("loans/overdue/", questions.OverdueLoans.as_view()),
    path("loans/basket/", baskets.Basket.as_view()),
    path("loans/renew-all/", baskets.RenewAll.as_view()),
    path("loans/<uuid:loan_id>/", lending.OneLoan.as_view()),
    path("loans/<uuid:loan_id>/renew/", lending.RenewLoan.as_view()),
    path("loans/<uuid:loan_id>/due-date/", lending.DueDate.as_view()),
    path("loans/<uuid:loan_id>/return/", lending.ReturnLoan.as_view()),
    path("scans/", desk.Scans.as_view()),
    path("loans/<uuid:loan_id>/lost/", lending.LoseLoan.as_view()),
    path("loans/<uuid:loan_id>/claim-returned/", lending.ClaimReturned.as_view()),
    path("fees/", fees.Fees.as_view()),
    path("fees/<uuid:fee_id>/settle/", fees.SettleFee.as_view()),
    path("holds/", Holds.as_view()),
    path("holds/<uuid:hold_id>/", holds.OneHold.as_view()),
    path("holds/<uuid:hold_id>/cancel/", holds.CancelHold.as_view()),
    path("holds/<uuid:hold_id>/suspend/", turns.SuspendHold.as_view()),
    path("holds/<uuid:hold_id>/resume/", turns.ResumeHold.as_view()),
    path("holds/<uuid:hold_id>/move/", turns.MoveHold.as_view()),
    path("webhook-endpoints/", outbox.Endpoints.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/", outbox.OneEndpoint.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/ping/", deliveries.Ping.as_view()),
    path(DELIVERIES, deliveries.Deliveries.as_view()),
    path(f"{DELIVERIES}<int:delivery_id>/", deliveries.OneDelivery.as_view()),
    path(f"{DELIVERIES}<int:delivery_id>/resend/", deliveries.Resend.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/replays/", deliveries.Replays.as_view()),
    path("webhook-endpoints/<uuid:endpoint_id>/rotate/", outbox.RotateSecret.as_view()),
    path("inbound/<slug:source>/", inbound.Inbound.as_view()),
    path("tables/<str:table>/<uuid:key>/", questions.RowOfTable.as_view()),
    path("event-types/", outbox.EventTypes.as_view()),
]

urlpatterns = [
    path("", Home.as_view(), name="home"),
    path("livez", Alive.as_view(), name="livez"),
    path("readyz", Ready.as_view(), name="readyz"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path(
        "letters/unsubscribe/<str:token>/",
        pages.Unsubscribe.as_view(),
        name="unsubscribe",
    ),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
]
