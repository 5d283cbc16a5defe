//! What the description of the API says of every operation alike.

use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, Required, ResponseBuilder,
    path::{Operation, ParameterBuilder, ParameterIn, PathItem},
    schema::{ObjectBuilder, Type},
};

use super::once::{KEY, MAX_KEY_CHARS, TAKE_A_KEY};

const PROBLEM: &str = "application/problem+json";

/// Names every operation once in the whole document, and says of each how it fails and whether it takes
/// an idempotency key.
pub(super) fn finish(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        if let Some(post) = item.post.as_mut()
            && TAKE_A_KEY.contains(&path.as_str())
        {
            take_a_key(post);
        }
        for operation in operations(item) {
            name(operation);
            may_fail(operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// `groups_connect`: the tag and the name of the function.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(name)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{}_{name}", tag.replace('-', "_")));
    }
}

/// Even what cannot fail is refused by a node that has too much to do.
fn may_fail(operation: &mut Operation) {
    let problem = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    let response = ResponseBuilder::new()
        .description("an error")
        .content(PROBLEM, problem)
        .build();
    let responses = &mut operation.responses.responses;
    responses
        .entry("default".to_owned())
        .or_insert_with(|| response.into());
}

fn take_a_key(operation: &mut Operation) {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_KEY_CHARS));
    let key = ParameterBuilder::new()
        .name(KEY.as_str())
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Chosen by the caller, for one request: repeated with the same key, it is carried out once",
        ))
        .schema(Some(schema))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(key));
}
